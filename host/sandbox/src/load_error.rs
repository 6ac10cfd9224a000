//! Why bytes did not become a plugin.

use std::time::Duration;

use semver::Version;
use wasmparser::BinaryReaderError;

use crate::jail::JailTrouble;
use crate::plugin::Kind;

/// Why a plugin was refused. Each message says what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// More bytes than are read.
    #[error("the file has {size} bytes, and a component has at most {limit}")]
    TooLarge {
        /// Bytes found.
        size: u64,
        /// Bytes admitted.
        limit: u64,
    },
    /// Something else altogether.
    #[error("this is no WebAssembly component: {}", beginning(found))]
    NotWebAssembly {
        /// The first bytes, in hexadecimal digits.
        found: String,
    },
    /// A module that was not made into a component.
    #[error(
        "this is a core WebAssembly module, and a component was expected; `menagerie build` makes one"
    )]
    CoreModule,
    /// A truncated or damaged file, or one that uses what this host does not admit.
    #[error("the component is damaged, or uses what is not admitted: {message} (at byte {offset})")]
    Malformed {
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        message: String,
    },
    /// Built for a contract that this host does not know yet.
    #[error(
        "`{name}` belongs to version {found} of the contract, and this host serves {served}: a newer host is needed"
    )]
    NewerContract {
        /// The import or export.
        name: String,
        /// Its version.
        found: Version,
        /// The newest that is served.
        served: Version,
    },
    /// Built for a contract that is not served any more.
    #[error(
        "`{name}` belongs to version {found} of the contract, and this host serves {served}: build the plugin anew"
    )]
    OlderContract {
        /// The import or export.
        name: String,
        /// Its version.
        found: Version,
        /// The oldest that is served.
        served: Version,
    },
    /// A component that is no plugin.
    #[error("the component is no plugin: it exports [{}], and one of `agent`, `strategy`, `group-strategy`, `aggregator`, `arbiter` of `menagerie:plugin` was expected", exports.join(", "))]
    NoWorld {
        /// What it exports.
        exports: Vec<String>,
    },
    /// A component that wants to be several things.
    #[error(
        "the component exports several kinds of plugin at once ({kinds:?}), and one was expected"
    )]
    SeveralKinds {
        /// What it would be.
        kinds: Vec<Kind>,
    },
    /// No custom section.
    #[error("the component has no manifest: no custom section `menagerie:manifest`")]
    NoManifest,
    /// A custom section that cannot be read.
    #[error("the component's manifest cannot be read: {message}")]
    Manifest {
        /// What is wrong.
        message: String,
    },
    /// The manifest says something else than the code.
    #[error("the manifest says `{manifest}`, and the component is of the kind `{component}`")]
    KindMismatch {
        /// What the manifest says.
        manifest: String,
        /// What the component exports.
        component: Kind,
    },
    /// It imports what it was not granted.
    #[error("the component imports `{import}`, which was not granted; granted: [{}]", granted.join(", "))]
    NotGranted {
        /// The interface.
        import: String,
        /// What was granted.
        granted: Vec<String>,
    },
    /// It imports WASI.
    #[error(
        "the component imports `{import}`: of WASI 0.2, `cli`, `clocks`, `filesystem`, `io`, `random` and `sockets` are linked, deterministic and empty, and nothing else"
    )]
    Wasi {
        /// The interface.
        import: String,
    },
    /// It imports what its kind does not have.
    #[error("the component imports `{import}`, which a plugin of the kind `{kind}` does not have")]
    NotForKind {
        /// The interface.
        import: String,
        /// The plugin's kind.
        kind: Kind,
    },
    /// It imports what nobody serves.
    #[error("the component imports `{import}`, which this host does not know")]
    UnknownImport {
        /// The interface or function.
        import: String,
    },
    /// The names are right and the types are not.
    #[error("the component does not fit the contract: {message}")]
    Mismatch {
        /// What does not fit.
        message: String,
    },
    /// More parts than this node has room for.
    #[error("the component needs {asked} {what}, and the ceiling of this node is {most}")]
    Ceiling {
        /// `memories`, `tables`, …
        what: &'static str,
        /// What it needs.
        asked: u64,
        /// What there is.
        most: u64,
    },
    /// Element segments that cost the host much and could fill no table.
    #[error("the component's element segments hold {found} elements, and at most {limit} are read")]
    TooManyElements {
        /// Elements of all segments together.
        found: u64,
        /// Elements admitted.
        limit: u64,
    },
    /// The compiler was not done in time.
    #[error(
        "the component was not compiled within the limit `compile-time`: {} s of {clock}", limit.as_secs_f64()
    )]
    CompileTime {
        /// What it had.
        limit: Duration,
        /// `processor time` or `time by the clock`.
        clock: &'static str,
    },
    /// The compiler needed more memory than it has.
    #[error("the component was not compiled within the limit `compile-memory`: {limit} bytes")]
    CompileMemory {
        /// Bytes beyond what the compiler takes by itself.
        limit: u64,
    },
    /// The process that compiles could not do its work.
    #[error(transparent)]
    Jail(#[from] JailTrouble),
    /// It was good once.
    #[error("the plugin {digest} was revoked: {reason}")]
    Revoked {
        /// Its digest.
        digest: String,
        /// Why.
        reason: String,
    },
    /// The compiler refused it.
    #[error("the component cannot be compiled: {message}")]
    Compile {
        /// What the compiler says.
        message: String,
    },
}

fn beginning(found: &str) -> String {
    if found.is_empty() {
        return "it is empty".to_owned();
    }
    format!("it begins with the bytes `{found}`, and a component with `0061736d0d000100`")
}

impl From<BinaryReaderError> for LoadError {
    fn from(error: BinaryReaderError) -> LoadError {
        let offset = error.offset() as u64;
        LoadError::Malformed {
            offset,
            message: error.message().to_owned(),
        }
    }
}
