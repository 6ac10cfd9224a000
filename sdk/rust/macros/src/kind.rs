//! The kinds of plugins: what each exports, and what an author writes for it.

use proc_macro2::TokenStream;
use quote::quote;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Strategy,
    GroupStrategy,
    Aggregator,
    Arbiter,
}

impl Kind {
    /// As the manifest has it.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Strategy => "strategy",
            Self::GroupStrategy => "group-strategy",
            Self::Aggregator => "aggregator",
            Self::Arbiter => "arbiter",
        }
    }

    /// With its article, for messages.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Agent => "an agent",
            Self::Strategy => "a strategy",
            Self::GroupStrategy => "a group strategy",
            Self::Aggregator => "an aggregator",
            Self::Arbiter => "an arbiter",
        }
    }

    /// The function that an author writes.
    pub(crate) fn signature(self) -> &'static str {
        match self {
            Self::Agent => "fn(Task<Input>) -> Result<Outcome<Output>, Fault>",
            Self::Strategy => "fn(View<Config>) -> Result<Decision, Fault>",
            Self::GroupStrategy => "fn(GroupView<Config>) -> Result<GroupDecision, Fault>",
            Self::Aggregator => "fn(Vec<Member<Input>>, Config) -> Result<Outcome<Output>, Fault>",
            Self::Arbiter => {
                "fn(Vec<Member<Input>>, Vec<Difference>, Config) -> Result<Verdict, Fault>"
            }
        }
    }

    /// How many arguments that function takes.
    pub(crate) fn arity(self) -> usize {
        match self {
            Self::Agent | Self::Strategy | Self::GroupStrategy => 1,
            Self::Aggregator => 2,
            Self::Arbiter => 3,
        }
    }

    /// The module of the bindings and of the runtime that is about this kind.
    pub(crate) fn module(self) -> TokenStream {
        match self {
            Self::Agent => quote!(agent),
            Self::Strategy => quote!(strategy),
            Self::GroupStrategy => quote!(group_strategy),
            Self::Aggregator => quote!(aggregator),
            Self::Arbiter => quote!(arbiter),
        }
    }

    /// The traits of the runtime that the arguments' types must have, in order. A type without one
    /// is reported where it stands in the author's source.
    pub(crate) fn argument_traits(self) -> &'static [&'static str] {
        match self {
            Self::Agent => &["TaskArgument"],
            Self::Strategy => &["ViewArgument"],
            Self::GroupStrategy => &["GroupViewArgument"],
            Self::Aggregator => &["MembersArgument", "ConfigArgument"],
            Self::Arbiter => &["MembersArgument", "DifferencesArgument", "ConfigArgument"],
        }
    }

    /// The trait of the runtime that the returned type must have.
    pub(crate) fn return_trait(self) -> &'static str {
        match self {
            Self::Agent | Self::Aggregator => "OutcomeResult",
            Self::Strategy => "DecisionResult",
            Self::GroupStrategy => "GroupDecisionResult",
            Self::Arbiter => "VerdictResult",
        }
    }

    /// Implements the exported interface, which calls the author's function by way of the runtime.
    pub(crate) fn implementation(self, function: &syn::Ident) -> TokenStream {
        let module = self.module();
        let exported = quote!(::menagerie::bindings::#module::exports::menagerie::plugin::#module);
        let types = quote!(::menagerie::bindings::imports::menagerie::plugin::types);
        let method = match self {
            Self::Agent => quote! {
                fn process(task: #types::Task) -> ::core::result::Result<#types::Outcome, #types::Fault> {
                    ::menagerie::runtime::agent(task, #function)
                }
            },
            Self::Strategy => quote! {
                fn decide(view: #exported::View) -> ::core::result::Result<#exported::Decision, #types::Fault> {
                    ::menagerie::runtime::strategy(view, #function)
                }
            },
            Self::GroupStrategy => quote! {
                fn decide(view: #exported::GroupView) -> ::core::result::Result<#exported::GroupDecision, #types::Fault> {
                    ::menagerie::runtime::group_strategy(view, #function)
                }
            },
            Self::Aggregator => quote! {
                fn aggregate(
                    results: ::std::vec::Vec<#types::MemberResult>,
                    config: ::std::string::String,
                ) -> ::core::result::Result<#types::Outcome, #types::Fault> {
                    ::menagerie::runtime::aggregator(results, config, #function)
                }
            },
            Self::Arbiter => quote! {
                fn arbitrate(
                    results: ::std::vec::Vec<#types::MemberResult>,
                    differences: ::std::vec::Vec<#exported::Difference>,
                    config: ::std::string::String,
                ) -> ::core::result::Result<#exported::Verdict, #types::Fault> {
                    ::menagerie::runtime::arbiter(results, differences, config, #function)
                }
            },
        };
        quote!(impl #exported::Guest for Plugin { #method })
    }
}
