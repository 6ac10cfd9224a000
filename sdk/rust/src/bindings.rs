//! The contract's types and functions, generated from `wit/` once for every plugin.
//!
//! Each exported interface has a world of its own, so that a plugin exports what its attribute
//! macro names and nothing else. The encoder unites the worlds that a module carries, and drops
//! every import that the code does not call.

/// Everything that plugins import, and the types that they share.
pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world imports {
                include menagerie:plugin/always@0.1.0;
                import menagerie:plugin/types@0.1.0;
                import menagerie:plugin/routing@0.1.0;
                import menagerie:plugin/history@0.1.0;
                import menagerie:plugin/figures@0.1.0;
                import menagerie:plugin/http@0.1.0;
                import menagerie:plugin/shared@0.1.0;
                import menagerie:plugin/artifacts@0.1.0;
            }
        ",
        generate_all,
        generate_unused_types: true,
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `agent`.
pub mod agent {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world agent-export { export menagerie:plugin/agent@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::agent",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `compensate`.
pub mod compensate {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world compensate-export { export menagerie:plugin/compensate@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::compensate",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `config-check`.
pub mod config_check {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world config-check-export { export menagerie:plugin/config-check@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::config_check",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `strategy`.
pub mod strategy {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world strategy-export { export menagerie:plugin/strategy@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
            "menagerie:plugin/routing@0.1.0": super::imports::menagerie::plugin::routing,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::strategy",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `group-strategy`.
pub mod group_strategy {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world group-strategy-export { export menagerie:plugin/group-strategy@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
            "menagerie:plugin/routing@0.1.0": super::imports::menagerie::plugin::routing,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::group_strategy",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `aggregator`.
pub mod aggregator {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world aggregator-export { export menagerie:plugin/aggregator@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::aggregator",
        additional_derives: [PartialEq],
    });
}

/// A plugin that exports `arbiter`.
pub mod arbiter {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package menagerie:sdk;
            world arbiter-export { export menagerie:plugin/arbiter@0.1.0; }
        ",
        with: {
            "menagerie:plugin/types@0.1.0": super::imports::menagerie::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "menagerie::bindings::arbiter",
        additional_derives: [PartialEq],
    });
}
