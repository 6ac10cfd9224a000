//! The ceilings of this node: the most that a flow file may ask for, meter by meter. Each is a setting
//! of its own, `max_…`, in the settings file and the environment.

use std::time::Duration;

use menagerie_sandbox::EngineConfig;

use super::{Setting, Sources};
use crate::failure::Failure;

/// What a ceiling is counted in.
#[derive(Clone, Copy)]
enum Unit {
    /// A number of things.
    Count,
    /// Kibibytes.
    Kibibytes,
    /// Mebibytes.
    Mebibytes,
    /// Time, in milliseconds, written with its unit.
    Time,
}

/// One ceiling: how it is called, what it may be, and where it ends up.
pub(super) struct Ceiling {
    pub(super) name: &'static str,
    unit: Unit,
    /// It is at least 1 and at most this.
    most: u64,
    get: fn(&EngineConfig) -> u64,
    set: fn(&mut EngineConfig, u64),
}

/// Declares ceilings out of fields of [`EngineConfig`].
macro_rules! ceilings {
    ($($name:literal $unit:ident $most:literal $($field:ident).+;)*) => {
        [$(Ceiling {
            name: $name,
            unit: Unit::$unit,
            most: $most,
            get: |node| in_unit!($unit, node.$($field).+),
            set: |node, value| node.$($field).+ = of_unit!($unit, value),
        },)*]
    };
}
macro_rules! in_unit {
    (Count, $field:expr) => {
        u64::from($field)
    };
    (Kibibytes, $field:expr) => {
        u64::try_from($field).unwrap_or(u64::MAX) >> 10
    };
    (Mebibytes, $field:expr) => {
        $field >> 20
    };
    (Time, $field:expr) => {
        u64::try_from($field.as_millis()).unwrap_or(u64::MAX)
    };
}
macro_rules! of_unit {
    (Count, $value:expr) => {
        // A ceiling's own bound is no higher than its field's.
        $value.try_into().unwrap_or_default()
    };
    (Kibibytes, $value:expr) => {
        usize::try_from($value << 10).unwrap_or(usize::MAX)
    };
    (Mebibytes, $value:expr) => {
        $value << 20
    };
    (Time, $value:expr) => {
        Duration::from_millis($value)
    };
}

/// All ceilings, as they are shown.
pub(super) const CEILINGS: [Ceiling; 21] = ceilings! {
    // 32 bits address 4 GiB.
    "max_memory_mib" Mebibytes 4_096 memory_bytes;
    // No limit of a call: stacks are the pool's, and each is as large as the others.
    "max_stack_kib" Kibibytes 65_536 stack_bytes;
    "max_fuel" Count 9_007_199_254_740_991 calls.fuel;
    "max_busy" Time 31_622_400_000 calls.busy;
    "max_table_elements" Count 10_000_000 table_elements;
    "max_instances" Count 1_000 instances;
    "max_tables" Count 1_000 tables;
    "max_memories" Count 64 memories;
    "max_host_call_mib" Mebibytes 4_096 calls.host_call_bytes;
    "max_guest_mib" Mebibytes 16_384 calls.bytes_to_host;
    "max_handles" Count 100_000_000 calls.handles;
    "max_host_calls" Count 1_000_000_000 calls.host_calls;
    "max_http_calls" Count 1_000_000_000 calls.http_calls;
    "max_shared_calls" Count 1_000_000_000 calls.shared_calls;
    "max_artifact_calls" Count 1_000_000_000 calls.artifact_calls;
    "max_output_mib" Mebibytes 4_096 calls.output_bytes;
    // What reads the journal's JSON goes little deeper than this.
    "max_json_depth" Count 100 calls.json_depth;
    "max_json_nodes" Count 1_000_000_000 calls.json_nodes;
    "max_log_lines" Count 1_000_000 calls.log_lines;
    "max_log_mib" Mebibytes 1_024 calls.log_bytes;
    "max_context_mib" Mebibytes 1_024 calls.context_bytes;
};

impl Ceiling {
    /// The value that was set, or the engine's own.
    pub(super) fn gather(
        &self,
        sources: &Sources,
        flag: Option<u64>,
    ) -> Result<Setting<u64>, Failure> {
        let default = || (self.get)(&EngineConfig::default());
        sources.pick(self.name, flag, |text| self.read(text), default)
    }

    /// A whole number, or a duration; anything else is an error and never the default.
    fn read(&self, text: &str) -> Result<u64, String> {
        let (value, expected) = match self.unit {
            Unit::Time => (
                humantime::parse_duration(text)
                    .ok()
                    .and_then(|time| u64::try_from(time.as_millis()).ok()),
                "a duration such as `10m`, of at most 366 days".to_owned(),
            ),
            Unit::Count | Unit::Kibibytes | Unit::Mebibytes => {
                let of = match self.unit {
                    Unit::Kibibytes => " of KiB",
                    Unit::Mebibytes => " of MiB",
                    _ => "",
                };
                (
                    text.parse().ok(),
                    format!("a whole number{of} from 1 to {}", self.most),
                )
            }
        };
        value
            .filter(|value| (1..=self.most).contains(value))
            .ok_or_else(|| format!("found `{text}`, expected {expected}"))
    }

    /// The value as one would write it.
    pub(super) fn shown(&self, value: u64) -> String {
        match self.unit {
            Unit::Time => humantime::format_duration(Duration::from_millis(value)).to_string(),
            Unit::Count | Unit::Kibibytes | Unit::Mebibytes => value.to_string(),
        }
    }
}

/// The values of all ceilings, in the order of [`CEILINGS`], as the engine takes them.
pub(super) fn applied(values: &[Setting<u64>]) -> EngineConfig {
    let mut node = EngineConfig::default();
    for (ceiling, setting) in CEILINGS.iter().zip(values) {
        (ceiling.set)(&mut node, setting.value);
    }
    node
}

/// The flag of the one ceiling that has one.
pub(crate) fn mebibytes(text: &str) -> Result<u64, String> {
    CEILINGS[0].read(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_read_in_its_unit_and_reaches_its_field_alone() {
        let default = EngineConfig::default();
        for ceiling in &CEILINGS {
            let name = ceiling.name;
            let before = (ceiling.get)(&default);
            assert_eq!(ceiling.read(&ceiling.shown(before)), Ok(before), "{name}");
            let mut node = default.clone();
            (ceiling.set)(&mut node, 1);
            assert_ne!(node, default, "{name}");
            assert_eq!((ceiling.get)(&node), 1, "{name}");
            (ceiling.set)(&mut node, before);
            assert_eq!(node, default, "{name}");
            (ceiling.set)(&mut node, ceiling.most);
            assert_eq!((ceiling.get)(&node), ceiling.most, "{name}");
            for bad in ["0", "-1", "many", "", "1e9", "99999999999999999999"] {
                let problem = ceiling.read(bad).expect_err("no value of a ceiling");
                assert!(
                    problem.starts_with(&format!("found `{bad}`, expected ")),
                    "{problem}"
                );
            }
        }
    }
}
