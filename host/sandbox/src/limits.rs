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
    "the limit `{limit}` asks for {asked}, and the ceiling of this node, `{ceiling}`, is {most}"
)]
pub struct CeilingError {
    /// The field of [`Limits`].
    pub limit: &'static str,
    /// The setting of [`EngineConfig`] that stands in the way.
    pub ceiling: &'static str,
    /// What was asked for.
    pub asked: u64,
    /// The most that can be had.
    pub most: u64,
}

impl Limits {
    /// Compares each limit with the node's ceilings and names the first that is too high.
    ///
    /// # Errors
    /// A [`CeilingError`] with the limit, the ceiling and both values.
    pub fn check(&self, ceilings: &EngineConfig) -> Result<(), CeilingError> {
        let pairs = [
            (
                "memory_bytes",
                "memory_bytes",
                self.memory_bytes,
                ceilings.memory_bytes,
            ),
            (
                "table_elements",
                "table_elements",
                self.table_elements,
                u64::from(ceilings.table_elements),
            ),
            (
                "instances",
                "instances",
                u64::from(self.instances),
                u64::from(ceilings.instances),
            ),
            (
                "tables",
                "tables",
                u64::from(self.tables),
                u64::from(ceilings.tables),
            ),
            (
                "memories",
                "memories",
                u64::from(self.memories),
                u64::from(ceilings.memories),
            ),
        ];
        for (limit, ceiling, asked, most) in pairs {
            if asked > most {
                return Err(CeilingError {
                    limit,
                    ceiling,
                    asked,
                    most,
                });
            }
        }
        Ok(())
    }
}
