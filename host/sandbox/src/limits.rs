//! The meters of one call, with their defaults, and the check against what the engine can give.

use std::time::Duration;

use crate::engine::EngineConfig;

/// What one call may use. Every meter is on; each has its own way for a call to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: about one for each WebAssembly operator. The default takes roughly a second
    /// or two of plain code on a current processor.
    pub fuel: u64,
    /// Guest code running, waits for the host excluded.
    pub busy: Duration,
    /// Bytes, summed over all memories of the call.
    pub memory_bytes: u64,
    /// Elements, summed over all tables of the call.
    pub table_elements: u64,
    /// Core instances within the component.
    pub instances: u32,
    /// Tables within the component.
    pub tables: u32,
    /// Memories within the component.
    pub memories: u32,
    /// Bytes that one host call, or the answer, may bring from the guest.
    pub host_call_bytes: u64,
    /// Bytes that the whole call may bring from the guest.
    pub bytes_to_host: u64,
    /// Entries in the guest's handle tables.
    pub handles: u32,
    /// Calls from the guest to the host.
    pub host_calls: u32,
    /// Those of them that are requests of `http`.
    pub http_calls: u32,
    /// Those that are of `shared`.
    pub shared_calls: u32,
    /// Those that are of `artifacts`.
    pub artifact_calls: u32,
    /// Bytes of the answer.
    pub output_bytes: u64,
    /// How deeply JSON in the answer may be nested.
    pub json_depth: u32,
    /// Values and names in all JSON of the answer together, and the items of its lists.
    pub json_nodes: u32,
    /// Lines of log that are kept.
    pub log_lines: u32,
    /// Bytes of log that are kept.
    pub log_bytes: u64,
    /// Bytes that the agent's own context may hold, names and values together.
    pub context_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: 1_000_000_000,
            busy: Duration::from_secs(30),
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            instances: 64,
            tables: 16,
            memories: 4,
            host_call_bytes: 16 << 20,
            bytes_to_host: 64 << 20,
            handles: 10_000,
            host_calls: 10_000,
            http_calls: 1_000,
            shared_calls: 10_000,
            artifact_calls: 10_000,
            output_bytes: 8 << 20,
            json_depth: 64,
            json_nodes: 100_000,
            log_lines: 256,
            log_bytes: 64 << 10,
            context_bytes: 1 << 20,
        }
    }
}

/// A limit that this node cannot grant, because the engine's ceiling is lower.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit `{limit}` asks for {asked}{unit}, and the ceiling of this node, the setting `{ceiling}`, is {most}{unit}"
)]
pub struct CeilingError {
    /// The limit, as flow files call it.
    pub limit: &'static str,
    /// The setting of the node that stands in the way.
    pub ceiling: &'static str,
    /// What was asked for.
    pub asked: u64,
    /// The most that can be had.
    pub most: u64,
    /// What both are counted in, with a space before it; nothing for mere numbers.
    pub unit: &'static str,
}

/// The most that a flow may ask for where the engine itself sets no bound. What a limit takes of the
/// engine's pool is in [`EngineConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCeilings {
    /// Units of fuel.
    pub fuel: u64,
    /// Guest code running.
    pub busy: Duration,
    /// Bytes of one host call, or of the answer.
    pub host_call_bytes: u64,
    /// Bytes that a whole call brings from the guest.
    pub bytes_to_host: u64,
    /// Entries in the guest's handle tables.
    pub handles: u32,
    /// Calls from the guest to the host.
    pub host_calls: u32,
    /// Those of them that are requests of `http`.
    pub http_calls: u32,
    /// Those that are of `shared`.
    pub shared_calls: u32,
    /// Those that are of `artifacts`.
    pub artifact_calls: u32,
    /// Bytes of the answer.
    pub output_bytes: u64,
    /// How deeply JSON in the answer may be nested.
    pub json_depth: u32,
    /// Values and names in all JSON of the answer.
    pub json_nodes: u32,
    /// Lines of log that are kept.
    pub log_lines: u32,
    /// Bytes of log that are kept.
    pub log_bytes: u64,
    /// Bytes of the agent's own context.
    pub context_bytes: u64,
}

impl Default for CallCeilings {
    /// Some ten times to a hundred times the default limits. Fuel has the largest number that a flow
    /// file can say: what a guest computes is bounded by `busy`, too.
    fn default() -> CallCeilings {
        CallCeilings {
            fuel: (1 << 53) - 1,
            busy: Duration::from_secs(3_600),
            host_call_bytes: 64 << 20,
            bytes_to_host: 1 << 30,
            handles: 100_000,
            host_calls: 1_000_000,
            http_calls: 1_000_000,
            shared_calls: 1_000_000,
            artifact_calls: 1_000_000,
            output_bytes: 64 << 20,
            json_depth: 100,
            json_nodes: 2_000_000,
            log_lines: 10_000,
            log_bytes: 16 << 20,
            context_bytes: 16 << 20,
        }
    }
}

impl Limits {
    /// Every limit with the node's ceiling for it: the limit's name, what is asked for, the setting that
    /// stands in the way, and the most that can be had. Times are in milliseconds.
    fn beside(&self, node: &EngineConfig) -> [(&'static str, u64, &'static str, u64); 20] {
        let calls = &node.calls;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let few = u64::from;
        [
            ("fuel", self.fuel, "max_fuel", calls.fuel),
            ("busy", ms(self.busy), "max_busy", ms(calls.busy)),
            (
                "memory",
                self.memory_bytes,
                "max_memory_mib",
                node.memory_bytes,
            ),
            (
                "table_elements",
                self.table_elements,
                "max_table_elements",
                few(node.table_elements),
            ),
            (
                "instances",
                few(self.instances),
                "max_instances",
                few(node.instances),
            ),
            ("tables", few(self.tables), "max_tables", few(node.tables)),
            (
                "memories",
                few(self.memories),
                "max_memories",
                few(node.memories),
            ),
            (
                "host_call_bytes",
                self.host_call_bytes,
                "max_host_call_mib",
                calls.host_call_bytes,
            ),
            (
                "guest_bytes",
                self.bytes_to_host,
                "max_guest_mib",
                calls.bytes_to_host,
            ),
            (
                "handles",
                few(self.handles),
                "max_handles",
                few(calls.handles),
            ),
            (
                "host_calls",
                few(self.host_calls),
                "max_host_calls",
                few(calls.host_calls),
            ),
            (
                "http_calls",
                few(self.http_calls),
                "max_http_calls",
                few(calls.http_calls),
            ),
            (
                "shared_calls",
                few(self.shared_calls),
                "max_shared_calls",
                few(calls.shared_calls),
            ),
            (
                "artifact_calls",
                few(self.artifact_calls),
                "max_artifact_calls",
                few(calls.artifact_calls),
            ),
            (
                "output",
                self.output_bytes,
                "max_output_mib",
                calls.output_bytes,
            ),
            (
                "json_depth",
                few(self.json_depth),
                "max_json_depth",
                few(calls.json_depth),
            ),
            (
                "json_nodes",
                few(self.json_nodes),
                "max_json_nodes",
                few(calls.json_nodes),
            ),
            (
                "log_lines",
                few(self.log_lines),
                "max_log_lines",
                few(calls.log_lines),
            ),
            ("log_bytes", self.log_bytes, "max_log_mib", calls.log_bytes),
            (
                "context",
                self.context_bytes,
                "max_context_mib",
                calls.context_bytes,
            ),
        ]
    }

    /// The default meters, none of them above what the node gives: who asks for nothing in particular is
    /// refused by no ceiling.
    #[must_use]
    pub fn within(node: &EngineConfig) -> Limits {
        let (default, calls) = (Limits::default(), &node.calls);
        Limits {
            fuel: default.fuel.min(calls.fuel),
            busy: default.busy.min(calls.busy),
            memory_bytes: default.memory_bytes.min(node.memory_bytes),
            table_elements: default.table_elements.min(u64::from(node.table_elements)),
            instances: default.instances.min(node.instances),
            tables: default.tables.min(node.tables),
            memories: default.memories.min(node.memories),
            host_call_bytes: default.host_call_bytes.min(calls.host_call_bytes),
            bytes_to_host: default.bytes_to_host.min(calls.bytes_to_host),
            handles: default.handles.min(calls.handles),
            host_calls: default.host_calls.min(calls.host_calls),
            http_calls: default.http_calls.min(calls.http_calls),
            shared_calls: default.shared_calls.min(calls.shared_calls),
            artifact_calls: default.artifact_calls.min(calls.artifact_calls),
            output_bytes: default.output_bytes.min(calls.output_bytes),
            json_depth: default.json_depth.min(calls.json_depth),
            json_nodes: default.json_nodes.min(calls.json_nodes),
            log_lines: default.log_lines.min(calls.log_lines),
            log_bytes: default.log_bytes.min(calls.log_bytes),
            context_bytes: default.context_bytes.min(calls.context_bytes),
        }
    }

    /// Compares each limit with the node's ceilings and names the first that is too high. For limits
    /// that somebody asks for.
    ///
    /// # Errors
    /// A [`CeilingError`] with the limit, the ceiling and both values.
    pub fn check(&self, node: &EngineConfig) -> Result<(), CeilingError> {
        first_above(self.beside(node).into_iter())
    }

    /// The same for what the engine's pool must have room for. For any call: one that is made again for
    /// a replay has no clock, and asks for nothing by that.
    pub(crate) fn check_pool(&self, node: &EngineConfig) -> Result<(), CeilingError> {
        let pooled = self.beside(node).into_iter();
        first_above(pooled.filter(|(limit, ..)| POOLED.contains(limit)))
    }
}

/// The limits that take room in the engine's pool.
const POOLED: [&str; 5] = [
    "memory",
    "table_elements",
    "instances",
    "tables",
    "memories",
];

fn first_above(
    mut limits: impl Iterator<Item = (&'static str, u64, &'static str, u64)>,
) -> Result<(), CeilingError> {
    let above = limits.find(|(_, asked, _, most)| asked > most);
    above.map_or(Ok(()), |(limit, asked, ceiling, most)| {
        Err(CeilingError {
            limit,
            ceiling,
            asked,
            most,
            unit: match limit {
                "busy" => " ms",
                "memory" | "host_call_bytes" | "guest_bytes" | "output" | "log_bytes"
                | "context" => " bytes",
                _ => "",
            },
        })
    })
}
