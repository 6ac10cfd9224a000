//! The catalogue: from bytes to plugins, and which plugin has which name now.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use wasmtime::component::Component;

use crate::cache::{CompiledCache, MachineCode, deserialize};
use crate::engine::Engine;
use crate::inspect::{Inspection, inspect_outline, validate_code};
use crate::jail::{Jail, JailConfig};
use crate::load_error::LoadError;
use crate::plugin::{Exports, Grants, Origin, Plugin};
use crate::wasi;

/// Checks, compiles and links plugins, and knows them by name and by digest.
///
/// Whoever holds a plugin keeps it; replacing a name changes what the next caller gets, and calls
/// in flight finish on what they have. Clones are the same catalogue.
#[derive(Clone)]
pub struct Catalogue {
    engine: Engine,
    cache: Option<Arc<CompiledCache>>,
    jail: Option<Arc<Jail>>,
    refusals: Option<Arc<dyn Refusals>>,
    cache_trouble: Arc<Mutex<Option<String>>>,
    named: Arc<RwLock<BTreeMap<String, Arc<Plugin>>>>,
    live: Arc<Mutex<Live>>,
}

/// Who is not loaded any more, whatever it would be loaded for.
pub trait Refusals: Send + Sync {
    /// Why the plugin of that digest is refused, if it is. Asked at each load.
    fn refused(&self, digest: &str) -> Option<String>;
}

/// Plugins that somebody holds, by digest and grants.
type Live = HashMap<(String, Grants), Weak<Plugin>>;

impl Catalogue {
    /// An empty catalogue. Compiled code is kept in `cache_folder`, which only this host's user may
    /// write; without one, or when it cannot be used ([`Catalogue::cache_trouble`]), every plugin
    /// is compiled when it is first loaded.
    #[must_use]
    pub fn new(engine: Engine, cache_folder: Option<PathBuf>) -> Catalogue {
        let opened = cache_folder
            .map(|folder| CompiledCache::open(&folder, engine.wasmtime(), engine.fingerprint()))
            .transpose();
        let (cache, trouble) = match opened {
            Ok(cache) => (cache.map(Arc::new), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Catalogue {
            engine,
            cache,
            jail: None,
            refusals: None,
            cache_trouble: Arc::new(Mutex::new(trouble)),
            named: Arc::default(),
            live: Arc::default(),
        }
    }

    /// The same catalogue, which has untrusted components compiled outside of this process.
    #[must_use]
    pub fn jailed(self, jail: JailConfig) -> Catalogue {
        Catalogue {
            jail: Some(Arc::new(Jail::new(jail))),
            ..self
        }
    }

    /// The same catalogue, which loads nothing that was revoked.
    #[must_use]
    pub fn refusing(self, refusals: Arc<dyn Refusals>) -> Catalogue {
        Catalogue {
            refusals: Some(refusals),
            ..self
        }
    }

    /// Refuses a digest that was revoked. Part of every load; for those who keep what they loaded.
    ///
    /// # Errors
    /// [`LoadError::Revoked`] with the reason.
    pub fn check_digest(&self, digest: &str) -> Result<(), LoadError> {
        let refusals = self.refusals.as_ref();
        match refusals.and_then(|refusals| refusals.refused(digest)) {
            None => Ok(()),
            Some(reason) => Err(LoadError::Revoked {
                digest: digest.to_owned(),
                reason,
            }),
        }
    }

    /// The engine that the plugins run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why compiled code could not be kept, if it could not. Nothing else depends on it.
    #[must_use]
    pub fn cache_trouble(&self) -> Option<String> {
        self.cache_trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes bytes into a plugin: size and kind, contract, manifest, grants, machine code, links, in
    /// this order. Blocks while it compiles. A plugin that somebody holds already is shared.
    ///
    /// # Errors
    /// A [`LoadError`] that says what was found and what was expected. Nothing of the plugin runs.
    pub fn load(&self, bytes: &[u8], grants: &Grants) -> Result<Arc<Plugin>, LoadError> {
        let inspection = inspect_outline(bytes)?;
        self.check_digest(&inspection.digest)?;
        grants.check(&inspection)?;
        let key = (inspection.digest.clone(), grants.clone());
        if let Some(plugin) = self.live().get(&key).and_then(Weak::upgrade) {
            return Ok(plugin);
        }
        let plugin = Arc::new(self.prepare(bytes, inspection, grants)?);
        let mut live = self.live();
        live.retain(|_, held| held.strong_count() > 0);
        live.insert(key, Arc::downgrade(&plugin));
        Ok(plugin)
    }

    /// Loads a plugin and gives it a name, taking the name from whoever has it.
    ///
    /// # Errors
    /// Those of [`Catalogue::load`]; the name then stays with whoever has it.
    pub fn install(
        &self,
        name: &str,
        bytes: &[u8],
        grants: &Grants,
    ) -> Result<Arc<Plugin>, LoadError> {
        let plugin = self.load(bytes, grants)?;
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        named.insert(name.to_owned(), plugin.clone());
        Ok(plugin)
    }

    /// Takes a name out of the catalogue. Who holds the plugin keeps it.
    pub fn remove(&self, name: &str) -> Option<Arc<Plugin>> {
        self.named
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name)
    }

    /// The plugin that has a name now.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Plugin>> {
        self.named
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// A plugin that has a name or that somebody holds, by the digest of its bytes. Of several with
    /// different grants, any.
    #[must_use]
    pub fn by_digest(&self, digest: &str) -> Option<Arc<Plugin>> {
        let live = self.live();
        live.iter()
            .filter(|((known, _), _)| known == digest)
            .find_map(|(_, held)| held.upgrade())
    }

    /// All names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.named
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(
        &self,
        bytes: &[u8],
        inspection: Inspection,
        grants: &Grants,
    ) -> Result<Plugin, LoadError> {
        let (component, origin) = self.compiled(bytes, &inspection.digest)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch {
            message: format!("{error:#}"),
        };
        let (memories, tables) = self.check_parts(&component)?;
        let linker = self.engine.linker();
        let linked = if inspection.imports.iter().any(|name| wasi::is_wasi(name)) {
            wasi::linker_for(linker, &component)
                .and_then(|linker| linker.instantiate_pre(&component))
        } else {
            linker.instantiate_pre(&component)
        };
        let linked = linked.map_err(mismatch)?;
        let exports = Exports::find(&inspection, &linked).map_err(mismatch)?;
        let grants = grants.clone();
        Ok(Plugin {
            inspection,
            linked,
            exports,
            grants,
            origin,
            memories,
            tables,
        })
    }

    fn compiled(&self, bytes: &[u8], digest: &str) -> Result<(Component, Origin), LoadError> {
        let wasmtime = self.engine.wasmtime();
        if let Some(component) = self
            .cache
            .as_ref()
            .and_then(|cache| cache.load(wasmtime, digest))
        {
            return Ok((component, Origin::Cached));
        }
        let component = match &self.jail {
            Some(jail) => {
                let code = jail.compile(self.engine.config(), bytes)?;
                // What was kept is mapped, which spares the copy.
                self.keep(digest, &code)
                    .and_then(|cache| cache.load(wasmtime, digest))
                    .map_or_else(|| deserialize(wasmtime, MachineCode::Fresh(&code)), Ok)
                    .map_err(|error| not_compiled(&error))?
            }
            None => {
                validate_code(bytes)?;
                let component = Component::from_binary(wasmtime, bytes)
                    .map_err(|error| not_compiled(&error))?;
                if self.cache.is_some() {
                    self.keep(
                        digest,
                        &component
                            .serialize()
                            .map_err(|error| not_compiled(&error))?,
                    );
                }
                component
            }
        };
        Ok((component, Origin::Compiled))
    }

    /// Keeps machine code for later, if it can be kept; why not is for [`Catalogue::cache_trouble`].
    fn keep(&self, digest: &str, code: &[u8]) -> Option<&CompiledCache> {
        let cache = self.cache.as_ref()?;
        match cache.store(digest, code) {
            Ok(()) => Some(cache),
            Err(error) => {
                let mut trouble = self
                    .cache_trouble
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *trouble = Some(error.to_string());
                None
            }
        }
    }

    /// Compares what the component is made of with the ceilings, before any call finds out.
    fn check_parts(&self, component: &Component) -> Result<(u32, u32), LoadError> {
        let Some(needs) = component.resources_required() else {
            let message = "it imports modules or instances of core WebAssembly".to_owned();
            return Err(LoadError::Mismatch { message });
        };
        let ceilings = self.engine.config();
        let initial_memory = needs
            .max_initial_memory_size
            .unwrap_or(0)
            .saturating_mul(65_536);
        for (what, asked, most) in [
            (
                "memories",
                u64::from(needs.num_memories),
                u64::from(ceilings.memories),
            ),
            (
                "tables",
                u64::from(needs.num_tables),
                u64::from(ceilings.tables),
            ),
            (
                "bytes of memory to begin with",
                initial_memory,
                ceilings.memory_bytes,
            ),
            (
                "table elements to begin with",
                needs.max_initial_table_size.unwrap_or(0),
                u64::from(ceilings.table_elements),
            ),
        ] {
            if asked > most {
                return Err(LoadError::Ceiling { what, asked, most });
            }
        }
        Ok((needs.num_memories, needs.num_tables))
    }
}

fn not_compiled(error: &wasmtime::Error) -> LoadError {
    LoadError::Compile {
        message: format!("{error:#}"),
    }
}
