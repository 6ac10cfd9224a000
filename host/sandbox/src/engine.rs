//! The engine: wasmtime configured in one function, its ceilings, and the fingerprint under which
//! compiled code may be used again and fuel may be compared.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy, WasmFeatures,
};

use crate::costs::{COST_TABLE_VERSION, operator_costs};
use crate::http::{Client, NoSecrets, Resolver, Secrets, SystemResolver};
use crate::lane::lane;
use crate::limits::CallCeilings;
use crate::linker::{self, HostLinker};

/// The release of wasmtime that the workspace's lock file holds; a test compares the two.
pub const WASMTIME_VERSION: &str = "48.0.8";

/// Units of fuel after which a guest lets others run: well under a millisecond of plain code, and a
/// few milliseconds of code that misses every cache.
pub(crate) const FUEL_BETWEEN_YIELDS: u64 = 500_000;

/// What this node gives at the most: host configuration, never a plugin's or a flow's to raise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineConfig {
    /// Guest calls that may exist at once, those that wait for the host too. More wait their turn.
    pub concurrent_calls: u32,
    /// Bytes that one memory may grow to, and the most that a limit may ask for.
    pub memory_bytes: u64,
    /// Bytes of stack for guest code.
    pub stack_bytes: usize,
    /// Elements of one table, and the most that a limit may ask for.
    pub table_elements: u32,
    /// Core instances in one component.
    pub instances: u32,
    /// Tables in one component.
    pub tables: u32,
    /// Memories in one component.
    pub memories: u32,
    /// Bytes of a memory that stay resident between calls, which spares the page faults.
    pub resident_bytes: usize,
    /// The most that limits may ask for which take nothing of the pool. The compiler's process needs
    /// none of them.
    #[serde(skip)]
    pub calls: CallCeilings,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            concurrent_calls: 128,
            memory_bytes: 1 << 30,
            stack_bytes: 1 << 20,
            table_elements: 100_000,
            instances: 64,
            tables: 16,
            memories: 4,
            resident_bytes: 1 << 20,
            calls: CallCeilings::default(),
        }
    }
}

/// By whom the outside is reached. It changes no call but by what comes back, so it is no part of the
/// fingerprint.
#[derive(Clone)]
pub struct OutsideConfig {
    /// From names to addresses.
    pub resolver: Arc<dyn Resolver>,
    /// The operator's secrets.
    pub secrets: Arc<dyn Secrets>,
    /// How long an instance waits for a host call before it makes room; its call is executed again
    /// when the answer is there.
    pub suspend_after: Duration,
}

impl Default for OutsideConfig {
    fn default() -> OutsideConfig {
        OutsideConfig {
            resolver: Arc::new(SystemResolver),
            secrets: Arc::new(NoSecrets),
            suspend_after: Duration::from_secs(1),
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The pool of that size cannot be had on this machine, or the settings contradict each other.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Setup(String),
}

/// Compiles and runs guests. A handle: clones share everything.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    wasmtime: wasmtime::Engine,
    linker: HostLinker,
    config: EngineConfig,
    fingerprint: String,
    places: Arc<Semaphore>,
    lane: Arc<Semaphore>,
    client: Arc<Client>,
    suspend_after: Duration,
}

impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Engine")
            .field("fingerprint", &self.shared.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up an engine with a pool that is bounded in every dimension. Granted calls reach the
    /// outside through the operating system's resolver and without any secret.
    ///
    /// # Errors
    /// [`EngineError::Setup`] when the pool's address space cannot be reserved.
    pub fn new(config: &EngineConfig) -> Result<Engine, EngineError> {
        Engine::with_outside(config, OutsideConfig::default())
    }

    /// The same, with a say in how the outside is reached.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_outside(
        config: &EngineConfig,
        outside: OutsideConfig,
    ) -> Result<Engine, EngineError> {
        let setup = |error: wasmtime::Error| EngineError::Setup(format!("{error:#}"));
        let wasmtime = wasmtime::Engine::new(&wasmtime_config(config)).map_err(setup)?;
        let linker = linker::host_linker(&wasmtime).map_err(setup)?;
        let places = Arc::new(Semaphore::new(config.concurrent_calls as usize));
        let fingerprint = fingerprint(config);
        Ok(Engine {
            shared: Arc::new(Shared {
                wasmtime,
                linker,
                config: config.clone(),
                fingerprint,
                places,
                lane: lane(),
                client: Arc::new(Client::new(outside.resolver, outside.secrets)),
                suspend_after: outside.suspend_after,
            }),
        })
    }

    /// Everything on which fuel and compiled code depend, as readable text: the release of
    /// wasmtime, the target, the version of our operator costs, and the settings of the engine.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.shared.fingerprint
    }

    /// The ceilings that this engine was set up with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// Calls that could begin now without waiting.
    #[must_use]
    pub fn free_places(&self) -> usize {
        self.shared.places.available_permits()
    }

    /// Whether the operator has a secret of that name.
    #[must_use]
    pub fn has_secret(&self, name: &str) -> bool {
        self.shared.client.secrets().get(name).is_some()
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.shared.client
    }

    pub(crate) fn suspend_after(&self) -> Duration {
        self.shared.suspend_after
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.shared.wasmtime
    }

    pub(crate) fn linker(&self) -> &HostLinker {
        &self.shared.linker
    }

    /// Places for calls: the pool holds exactly as many instances, so it never runs out.
    pub(crate) fn places(&self) -> &Arc<Semaphore> {
        &self.shared.places
    }

    /// Where calls go on that are no short ones any more.
    pub(crate) fn lane(&self) -> &Arc<Semaphore> {
        &self.shared.lane
    }
}

/// What a guest may be made of. Everything else is refused when a plugin is loaded: a proposal is
/// admitted when a test needs it.
pub(crate) fn admitted_features() -> WasmFeatures {
    // The garbage collector's types come with WebAssembly 1 in this list, and nowhere else.
    WasmFeatures::WASM1.difference(WasmFeatures::GC_TYPES)
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

/// The one place where wasmtime is configured.
fn wasmtime_config(ceilings: &EngineConfig) -> Config {
    let mut config = Config::new();
    // The optimising compiler alone: its output is what the fingerprint stands for.
    config.strategy(Strategy::Cranelift);
    config.parallel_compilation(true);

    // Only what `admitted_features` names. Features are switched one by one, because a feature that
    // wasmtime itself was built without must not even be mentioned as wanted.
    for feature in WasmFeatures::all().difference(admitted_features()).iter() {
        config.wasm_features(feature, false);
    }
    for feature in admitted_features().iter() {
        config.wasm_features(feature, true);
    }

    // Determinism: one bit pattern for NaN, one result for relaxed SIMD, costs of our own.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.consume_fuel(true);
    config.operator_cost(operator_costs());

    // A guest's frames are bounded; the host's own functions run on the same stack, on top of it.
    config.max_wasm_stack(ceilings.stack_bytes);
    config.async_stack_size(ceilings.stack_bytes + HOST_STACK_BYTES);

    config.memory_init_cow(true);
    // A guest's addresses are compared with its memory's length in its own code, and not left to pages
    // that fault. Pages would have to be made to fault again for every call whose guest asks for
    // memory, as nearly all do: two changes of the address space that all threads share, each of which
    // stops the others. Without them a short call takes a third less, and two processors do twice as
    // many at once; code that computes for long takes some 7 to 12 % more.
    config.signals_based_traps(false);
    config.memory_guard_size(0);
    // A trap names the functions it happened in, and not the whole of a deep recursion.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(ceilings)));
    config
}

/// An engine that compiles as one of that configuration does, in its caller's thread, and has no pool
/// to run anything in: how instances are allocated changes no compiled code.
pub(crate) fn compiler(ceilings: &EngineConfig) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = wasmtime_config(ceilings);
    config.parallel_compilation(false);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    wasmtime::Engine::new(&config)
}

/// Stack for host functions that a guest calls: validating JSON and paging history happen there.
const HOST_STACK_BYTES: usize = 1 << 20;

/// A pool with room for every admitted call at its worst, so that no call fails for want of a slot.
fn pool(ceilings: &EngineConfig) -> PoolingAllocationConfig {
    let calls = ceilings.concurrent_calls;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(ceilings.instances))
        .total_memories(calls.saturating_mul(ceilings.memories))
        .total_tables(calls.saturating_mul(ceilings.tables))
        .total_stacks(calls)
        .max_core_instances_per_component(ceilings.instances)
        .max_memories_per_component(ceilings.memories)
        .max_tables_per_component(ceilings.tables)
        .max_memories_per_module(ceilings.memories)
        .max_tables_per_module(ceilings.tables)
        .max_memory_size(usize::try_from(ceilings.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(ceilings.table_elements as usize)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(ceilings.resident_bytes)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(calls);
    pool
}

/// Readable, and complete: two engines with one fingerprint run a guest alike.
fn fingerprint(ceilings: &EngineConfig) -> String {
    let features = admitted_features().bits();
    // How many calls there may be at once, what stays resident and what a limit may ask for changes no
    // call. The text is that of the hosts before this one: a run's fuel is compared under an equal one.
    let described = format!(
        "EngineConfig {{ concurrent_calls: 0, memory_bytes: {}, stack_bytes: {}, table_elements: {}, \
         instances: {}, tables: {}, memories: {}, resident_bytes: 0 }};features={features:?};\
         yield={FUEL_BETWEEN_YIELDS}",
        ceilings.memory_bytes,
        ceilings.stack_bytes,
        ceilings.table_elements,
        ceilings.instances,
        ceilings.tables,
        ceilings.memories,
    );
    let settings = hex::encode(&Sha256::digest(described.as_bytes())[..8]);
    format!(
        "wasmtime-{WASMTIME_VERSION} {}-{} costs-{COST_TABLE_VERSION} settings-{settings}",
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
}
