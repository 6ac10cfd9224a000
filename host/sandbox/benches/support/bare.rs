//! The bare wasmtime loop: pooling with resident memory, copy-on-write, fuel, async, a fresh
//! instance for each call, and not one meter, check or host function that does anything.

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "menagerie:plugin/agent-plugin",
        exports: { default: async },
    });
}

use bindings::menagerie::plugin::{clock, invocation, log, progress, random, types};
use bindings::{AgentPlugin, AgentPluginPre};

pub struct Bare {
    engine: Engine,
    linked: AgentPluginPre<Nothing>,
    task: types::Task,
}

impl Bare {
    pub fn new(bytes: &[u8]) -> Bare {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(1 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .max_memories_per_module(4)
            .max_tables_per_module(16)
            .table_elements(100_000);
        let mut config = Config::new();
        config.consume_fuel(true);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, bytes).unwrap();
        let mut linker = Linker::new(&engine);
        AgentPlugin::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |state| state).unwrap();
        let linked = AgentPluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let task = types::Task {
            input: super::INPUT.to_owned(),
            config: "{}".to_owned(),
            attachments: Vec::new(),
            extra: Vec::new(),
        };
        Bare {
            engine,
            linked,
            task,
        }
    }

    pub async fn call(&self) -> types::Outcome {
        let mut store = Store::new(&self.engine, Nothing);
        store.set_fuel(1_000_000_000).unwrap();
        store.fuel_async_yield_interval(Some(1_000_000)).unwrap();
        let guest = self.linked.instantiate_async(&mut store).await.unwrap();
        let answer = guest
            .menagerie_plugin_agent()
            .call_process(&mut store, &self.task)
            .await;
        answer.unwrap().unwrap()
    }
}

pub struct Nothing;

impl types::Host for Nothing {}

impl invocation::Host for Nothing {
    fn run(&mut self) -> String {
        String::new()
    }
    fn step(&mut self) -> String {
        String::new()
    }
    fn name(&mut self) -> String {
        String::new()
    }
    fn attempt(&mut self) -> u32 {
        1
    }
    fn deadline_ms(&mut self) -> u32 {
        30_000
    }
    fn fuel_left(&mut self) -> f64 {
        0.0
    }
    fn last_fault(&mut self) -> Option<types::Fault> {
        None
    }
    fn hints(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn context_get(&mut self, _key: String) -> Option<String> {
        None
    }
    fn context_put(&mut self, _key: String, _value: String) -> Result<(), String> {
        Ok(())
    }
}

impl log::Host for Nothing {
    fn write(&mut self, _level: log::Level, _message: String) {}
}

impl clock::Host for Nothing {
    fn now_ms(&mut self) -> f64 {
        0.0
    }
    fn now(&mut self) -> String {
        String::new()
    }
}

impl random::Host for Nothing {
    fn bytes(&mut self, count: u32) -> Vec<u8> {
        vec![0; count as usize]
    }
    fn next_u32(&mut self) -> u32 {
        0
    }
    fn next_f64(&mut self) -> f64 {
        0.0
    }
}

impl progress::Host for Nothing {
    fn fraction(&mut self, _done: f64) {}
    fn note(&mut self, _text: String) {}
    fn chunk(&mut self, _text: String) {}
}
