//! A plugin that is ready to be called, and the kinds there are.

use std::collections::BTreeSet;
use std::fmt;

use wasmtime::component::InstancePre;

use crate::bindings::exports::menagerie::plugin as exports;
use crate::inspect::{CONTRACT_VERSION, Inspection};
use crate::load_error::LoadError;
use crate::manifest::Manifest;
use crate::state::CallState;
use crate::wasi;

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Works on tasks.
    Agent,
    /// Decides what a pipeline does next.
    Strategy,
    /// Decides what a group does next.
    GroupStrategy,
    /// Joins results.
    Aggregator,
    /// Decides between results.
    Arbiter,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [
        Kind::Agent,
        Kind::Strategy,
        Kind::GroupStrategy,
        Kind::Aggregator,
        Kind::Arbiter,
    ];

    /// The token in manifests, events and messages.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Kind::Agent => "agent",
            Kind::Strategy => "strategy",
            Kind::GroupStrategy => "group-strategy",
            Kind::Aggregator => "aggregator",
            Kind::Arbiter => "arbiter",
        }
    }

    /// The interface that a plugin of this kind exports.
    pub(crate) fn interface(self) -> String {
        interface(self.token())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.token())
    }
}

/// The full name of an interface of the contract.
pub(crate) fn interface(name: &str) -> String {
    format!("menagerie:plugin/{name}@{CONTRACT_VERSION}")
}

/// What an operator lets a plugin import beyond what is always there: names of interfaces without
/// their version, such as `menagerie:plugin/http`. What may be done by them is said with each call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grants {
    names: BTreeSet<String>,
}

impl Grants {
    /// Nothing but what is always there.
    #[must_use]
    pub fn none() -> Grants {
        Grants::default()
    }

    /// The named interfaces.
    pub fn of<Name: Into<String>>(names: impl IntoIterator<Item = Name>) -> Grants {
        Grants {
            names: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Decides about every import before anything is compiled or linked.
    pub(crate) fn check(&self, inspection: &Inspection) -> Result<(), LoadError> {
        inspection
            .imports
            .iter()
            .try_for_each(|import| self.check_import(inspection.kind, import))
    }

    fn check_import(&self, kind: Kind, import: &str) -> Result<(), LoadError> {
        let owned = || import.to_owned();
        if wasi::is_wasi(import) {
            return if wasi::serves(import) {
                Ok(())
            } else {
                Err(LoadError::Wasi { import: owned() })
            };
        }
        if ALWAYS_THERE.iter().any(|name| import == interface(name)) {
            return Ok(());
        }
        let of_strategies = FOR_STRATEGIES
            .iter()
            .find(|(name, _)| import == interface(name));
        if let Some((_, kinds)) = of_strategies {
            return if kinds.contains(&kind) {
                Ok(())
            } else {
                Err(LoadError::NotForKind {
                    import: owned(),
                    kind,
                })
            };
        }
        let name = import.split('@').next().unwrap_or(import);
        let short = name.strip_prefix("menagerie:plugin/").unwrap_or(name);
        if BY_GRANT.contains(&short) && !self.names.contains(name) {
            let granted = self.names.iter().cloned().collect();
            return Err(LoadError::NotGranted {
                import: owned(),
                granted,
            });
        }
        if SERVED_BY_GRANT.iter().any(|name| import == interface(name)) {
            return Ok(());
        }
        Err(LoadError::UnknownImport { import: owned() })
    }
}

impl Inspection {
    /// The interfaces that take a grant, as the plugin imports them or its manifest asks for them:
    /// `http`, `model` and so on, sorted.
    #[must_use]
    pub fn wanted_grants(&self) -> BTreeSet<String> {
        let asked_for = self.manifest.grants.iter().cloned();
        self.imported_grants().chain(asked_for).collect()
    }

    /// Those of them that the plugin imports and its manifest is silent about. The manifest may well ask for
    /// more than is imported: compilers leave out what is never called.
    #[must_use]
    pub fn undeclared_grants(&self) -> BTreeSet<String> {
        let undeclared = |name: &String| !self.manifest.grants.contains(name);
        self.imported_grants().filter(undeclared).collect()
    }

    fn imported_grants(&self) -> impl Iterator<Item = String> {
        self.imports.iter().filter_map(|import| {
            let name = import.split('@').next()?;
            let short = name.strip_prefix("menagerie:plugin/")?;
            BY_GRANT.contains(&short).then(|| short.to_owned())
        })
    }
}

/// Interfaces of the contract that need no grant.
const ALWAYS_THERE: [&str; 5] = ["invocation", "log", "clock", "random", "progress"];

/// Interfaces that need no grant, and the kinds of plugin that have them.
const FOR_STRATEGIES: [(&str, &[Kind]); 2] = [
    ("history", &[Kind::Strategy, Kind::GroupStrategy]),
    ("figures", &[Kind::Strategy]),
];

/// Interfaces that the contract foresees.
const BY_GRANT: [&str; 5] = ["http", "model", "artifacts", "messages", "shared"];

/// Those of them that this host serves. Each joins the linker with its own file.
const SERVED_BY_GRANT: [&str; 3] = ["http", "artifacts", "shared"];

/// The functions that a call enters by, found once when the plugin is loaded.
pub(crate) struct Exports {
    pub(crate) main: MainExport,
    pub(crate) compensate: Option<exports::compensate::GuestIndices>,
    pub(crate) config_check: Option<exports::config_check::GuestIndices>,
}

pub(crate) enum MainExport {
    Agent(exports::agent::GuestIndices),
    Strategy(exports::strategy::GuestIndices),
    GroupStrategy(exports::group_strategy::GuestIndices),
    Aggregator(exports::aggregator::GuestIndices),
    Arbiter(exports::arbiter::GuestIndices),
}

impl Exports {
    pub(crate) fn find(
        inspection: &Inspection,
        linked: &InstancePre<CallState>,
    ) -> wasmtime::Result<Exports> {
        let has = |name: &str| inspection.exports.contains(&interface(name));
        let main = match inspection.kind {
            Kind::Agent => MainExport::Agent(exports::agent::GuestIndices::new(linked)?),
            Kind::Strategy => MainExport::Strategy(exports::strategy::GuestIndices::new(linked)?),
            Kind::GroupStrategy => {
                MainExport::GroupStrategy(exports::group_strategy::GuestIndices::new(linked)?)
            }
            Kind::Aggregator => {
                MainExport::Aggregator(exports::aggregator::GuestIndices::new(linked)?)
            }
            Kind::Arbiter => MainExport::Arbiter(exports::arbiter::GuestIndices::new(linked)?),
        };
        let compensate = has("compensate")
            .then(|| exports::compensate::GuestIndices::new(linked))
            .transpose()?;
        let config_check = has("config-check")
            .then(|| exports::config_check::GuestIndices::new(linked))
            .transpose()?;
        Ok(Exports {
            main,
            compensate,
            config_check,
        })
    }
}

/// Where a plugin's machine code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled just now.
    Compiled,
    /// It was compiled earlier and kept in the cache.
    Cached,
}

/// A plugin: checked, compiled, and linked against its grants. It holds no state between calls.
pub struct Plugin {
    pub(crate) inspection: Inspection,
    pub(crate) linked: InstancePre<CallState>,
    pub(crate) exports: Exports,
    pub(crate) grants: Grants,
    pub(crate) origin: Origin,
    pub(crate) memories: u32,
    pub(crate) tables: u32,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plugin")
            .field("inspection", &self.inspection)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// `sha256:` and the digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inspection.digest
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inspection.kind
    }

    /// What it says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.inspection.manifest
    }

    /// The interfaces whose functions it imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.inspection.imports
    }

    /// Whether it asks how agents have fared: otherwise nobody need look.
    #[must_use]
    pub fn reads_figures(&self) -> bool {
        let figures = interface("figures");
        self.inspection.imports.contains(&figures)
    }

    /// Whether all that it imports is answered out of its call alone: it reads nothing that may be other
    /// when it is called again, and nothing that it does is seen outside of the host but its answer.
    #[must_use]
    pub fn only_computes(&self) -> bool {
        let of_the_call = |import: &String| {
            let mut names = ALWAYS_THERE.iter().chain(&["figures"]);
            wasi::is_wasi(import) || names.any(|name| *import == interface(name))
        };
        self.inspection.imports.iter().all(of_the_call)
    }

    /// Bytes of the component.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inspection.size
    }

    /// Everything that can be said of its bytes.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// What it was granted.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Where its machine code came from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether it looks at its configuration before a run.
    #[must_use]
    pub fn checks_config(&self) -> bool {
        self.exports.config_check.is_some()
    }

    /// Whether it can undo its work.
    #[must_use]
    pub fn compensates(&self) -> bool {
        self.exports.compensate.is_some()
    }
}
