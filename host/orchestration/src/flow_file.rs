//! Flow files: TOML text in, a validated [`Flow`](crate::flow::Flow) or every problem out.
