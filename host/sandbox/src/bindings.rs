//! What `bindgen!` makes of `wit/`: one synthetic world holds every export of the contract, so that
//! all kinds of plugin share one set of Rust types. No component implements that world; each is
//! matched against the interfaces of its own kind.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/, where every item is documented"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package menagerie:host;
        world everything {
            include menagerie:plugin/strategy-plugin@0.1.0;
            import menagerie:plugin/http@0.1.0;
            import menagerie:plugin/shared@0.1.0;
            import menagerie:plugin/artifacts@0.1.0;
            export menagerie:plugin/group-strategy@0.1.0;
            export menagerie:plugin/agent@0.1.0;
            export menagerie:plugin/compensate@0.1.0;
            export menagerie:plugin/config-check@0.1.0;
            export menagerie:plugin/aggregator@0.1.0;
            export menagerie:plugin/arbiter@0.1.0;
        }
    ",
    world: "menagerie:host/everything",
    imports: {
        "menagerie:plugin/invocation.context-get": async | trappable,
        "menagerie:plugin/invocation.last-fault": async | trappable,
        "menagerie:plugin/invocation.hints": async | trappable,
        "menagerie:plugin/random.bytes": async | trappable,
        "menagerie:plugin/history.before": async | trappable,
        "menagerie:plugin/figures.agents": async | trappable,
        "menagerie:plugin/http.send": async | trappable,
        "menagerie:plugin/artifacts.put": async | trappable,
        "menagerie:plugin/artifacts.stat": async | trappable,
        "menagerie:plugin/artifacts.get": async | trappable,
        "menagerie:plugin/shared.get": async | trappable,
        "menagerie:plugin/shared.compare-and-set": async | trappable,
        "menagerie:plugin/shared.delete": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [PartialEq],
});
