//! What can be said of a plugin's bytes without compiling them: size, kind, contract, manifest,
//! imports and exports.

use std::collections::BTreeSet;

use semver::Version;
use sha2::{Digest, Sha256};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{
    ElementItems, ElementSectionReader, FuncValidatorAllocations, Parser, Payload, ValidPayload,
    Validator,
};

use crate::engine::admitted_features;
use crate::load_error::LoadError;
use crate::manifest::{MANIFEST_SECTION, Manifest};
use crate::plugin::Kind;

/// Bytes of a component file.
pub const LARGEST_COMPONENT: u64 = 64 << 20;

/// Elements in all element segments of a component. In the file one takes a byte, in the host several
/// times that; more than a table may hold by default are of no use.
pub const MOST_ELEMENTS: u64 = 100_000;

/// The version of the contract that this host serves.
pub const CONTRACT_VERSION: Version = Version::new(0, 1, 0);

/// The package that the contract is.
const PACKAGE: &str = "menagerie:plugin/";

/// What a plugin is, as far as its bytes say.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// What it exports.
    pub kind: Kind,
    /// The version of the contract that it was built for.
    pub contract: Version,
    /// What it says about itself.
    pub manifest: Manifest,
    /// The interfaces whose functions it imports. Interfaces of types alone are no request.
    pub imports: Vec<String>,
    /// Everything it exports.
    pub exports: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// Looks at a plugin without compiling it.
///
/// # Errors
/// A [`LoadError`] that names what was found and what was expected.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let inspection = inspect_outline(bytes)?;
    validate_code(bytes)?;
    Ok(inspection)
}

/// The same without a look at the code within functions, which takes a second for a large plugin
/// and has been done before for one whose compiled code is kept.
pub(crate) fn inspect_outline(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let size = bytes.len() as u64;
    if size > LARGEST_COMPONENT {
        return Err(LoadError::TooLarge {
            size,
            limit: LARGEST_COMPONENT,
        });
    }
    check_preamble(bytes)?;
    let outline = Outline::read(bytes)?;
    let contract = outline.contract()?;
    let kind = outline.kind()?;
    let manifest = outline.manifest(kind)?;
    let digest = digest_of(bytes);
    let Outline {
        imports, exports, ..
    } = outline;
    Ok(Inspection {
        kind,
        contract,
        manifest,
        imports,
        exports,
        size,
        digest,
    })
}

/// Validates everything, the code within functions too.
pub(crate) fn validate_code(bytes: &[u8]) -> Result<(), LoadError> {
    let mut validator = Validator::new_with_features(admitted_features());
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body)?;
            allocations = function.into_allocations();
        }
    }
    Ok(())
}

/// `sha256:` and the digest of a component's bytes, as plugins are named by.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        let found = hex::encode(&bytes[..bytes.len().min(8)]);
        return Err(LoadError::NotWebAssembly { found });
    }
    Ok(())
}

/// The elements of all segments of a section, as each segment declares them.
fn count_elements(section: ElementSectionReader<'_>) -> Result<u64, LoadError> {
    let mut count = 0;
    for element in section {
        count += u64::from(match element?.items {
            ElementItems::Functions(functions) => functions.count(),
            ElementItems::Expressions(_, expressions) => expressions.count(),
        });
    }
    Ok(count)
}

/// What one walk over the bytes finds.
#[derive(Default)]
struct Outline {
    imports: Vec<String>,
    type_imports: Vec<String>,
    exports: Vec<String>,
    manifests: BTreeSet<Vec<u8>>,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Outline, LoadError> {
        // Names first: a component for a newer contract may well use what this host's validator
        // does not know, and then its version is the better message.
        let mut outline = Outline::default();
        let names = outline.read_names(bytes);
        outline.refuse_newer()?;
        names?;
        let mut validator = Validator::new_with_features(admitted_features());
        let mut elements = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Payload::ElementSection(section) = &payload {
                elements += count_elements(section.clone())?;
                if elements > MOST_ELEMENTS {
                    return Err(LoadError::TooManyElements {
                        found: elements,
                        limit: MOST_ELEMENTS,
                    });
                }
            }
            if let ValidPayload::End(types) = validator.payload(&payload)? {
                outline.sort_imports(types.as_ref());
            }
        }
        Ok(outline)
    }

    /// Collects the names at the top level, and manifests at every level.
    fn read_names(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        self.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                    self.manifests.insert(section.data().to_vec());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells imports of functions from imports of types alone. Called for every level; names are
    /// found at the one that has them.
    fn sort_imports(&mut self, types: TypesRef<'_>) {
        let of_types =
            |name: &String| match types.component_item_for_import(name).map(|item| item.ty) {
                Some(ComponentEntityType::Type { .. }) => true,
                Some(ComponentEntityType::Instance(id)) => types[id]
                    .exports
                    .values()
                    .all(|item| matches!(item.ty, ComponentEntityType::Type { .. })),
                _ => false,
            };
        self.type_imports
            .extend(self.imports.extract_if(.., |name| of_types(name)));
    }

    /// Every version of the contract that an import or an export names, with that name.
    fn versions(&self) -> impl Iterator<Item = (&str, Version)> {
        let names = self
            .imports
            .iter()
            .chain(&self.type_imports)
            .chain(&self.exports);
        names.filter_map(|name| {
            let (_, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
            Some((name.as_str(), Version::parse(version).ok()?))
        })
    }

    fn refuse_newer(&self) -> Result<(), LoadError> {
        match self
            .versions()
            .find(|(_, version)| *version > CONTRACT_VERSION)
        {
            None => Ok(()),
            Some((name, found)) => Err(LoadError::NewerContract {
                name: name.to_owned(),
                found,
                served: CONTRACT_VERSION,
            }),
        }
    }

    fn contract(&self) -> Result<Version, LoadError> {
        match self
            .versions()
            .find(|(_, version)| *version < CONTRACT_VERSION)
        {
            None => Ok(CONTRACT_VERSION),
            Some((name, found)) => Err(LoadError::OlderContract {
                name: name.to_owned(),
                found,
                served: CONTRACT_VERSION,
            }),
        }
    }

    fn kind(&self) -> Result<Kind, LoadError> {
        let kinds: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| self.exports.contains(&kind.interface()))
            .collect();
        match kinds.as_slice() {
            [kind] => Ok(*kind),
            [] => Err(LoadError::NoWorld {
                exports: self.exports.clone(),
            }),
            several => Err(LoadError::SeveralKinds {
                kinds: several.to_vec(),
            }),
        }
    }

    fn manifest(&self, kind: Kind) -> Result<Manifest, LoadError> {
        let mut manifests = self.manifests.iter();
        let section = manifests.next().ok_or(LoadError::NoManifest)?;
        if manifests.next().is_some() {
            return Err(LoadError::Manifest {
                message: "there are several, which differ".to_owned(),
            });
        }
        let manifest =
            Manifest::parse(section).map_err(|message| LoadError::Manifest { message })?;
        if manifest.kind != kind.token() {
            return Err(LoadError::KindMismatch {
                manifest: manifest.kind,
                component: kind,
            });
        }
        Ok(manifest)
    }
}
