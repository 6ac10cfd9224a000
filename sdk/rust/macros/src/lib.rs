//! The attribute macros of `menagerie-sdk`: each turns one function into a plugin of its kind.
//!
//! They check the function's shape with messages for people, write the manifest into a custom
//! section, and leave the types to the runtime module of the SDK.

mod arguments;
mod expand;
mod kind;
mod manifest;

use proc_macro::TokenStream;

use crate::kind::Kind;

/// Makes a plugin out of `fn(Task<Input>) -> Result<Outcome<Output>, Fault>`; with a configuration
/// of a type of its own, `Task<Input, Config>`.
///
/// Arguments, all optional and apart by commas:
/// - `skills = ["…"]`: what it is good at, for whoever looks for an agent.
/// - `compensate = path`: a `fn(Task<Input>, Outcome<Output>) -> Result<(), Fault>` that undoes a step.
/// - `check`, or `check = path`: looks at the configuration before any run starts. Alone it checks that
///   the configuration can be read; with a `fn(Config, Vec<String>) -> Vec<Problem>`, which is given the
///   names of the flow's agents, whatever else that function finds.
/// - `name`, `description`: instead of those of the package.
/// - `config_schema`, `input_schema`, `output_schema`: JSON Schema files, relative to the package.
/// - `fuel = 1_000_000_000`, `memory_mib = 64`: limits to ask for.
/// - `grants = ["…"]`: capabilities to ask for, by interface name.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Agent, arguments, item)
}

/// Makes a plugin out of `fn(View<Config>) -> Result<Decision, Fault>`; the run's state is read into
/// a type of the author's with `View<Config, State>`.
///
/// Takes the arguments of [`macro@agent`] but `compensate`.
#[proc_macro_attribute]
pub fn strategy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Strategy, arguments, item)
}

/// Makes a plugin out of `fn(GroupView<Config>) -> Result<GroupDecision, Fault>`.
///
/// Takes the arguments of [`macro@agent`] but `compensate`.
#[proc_macro_attribute]
pub fn group_strategy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::GroupStrategy, arguments, item)
}

/// Makes a plugin out of `fn(Vec<Member<Input>>, Config) -> Result<Outcome<Output>, Fault>`.
///
/// Takes the arguments of [`macro@agent`] but `compensate`.
#[proc_macro_attribute]
pub fn aggregator(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Aggregator, arguments, item)
}

/// Makes a plugin out of
/// `fn(Vec<Member<Input>>, Vec<Difference>, Config) -> Result<Verdict, Fault>`.
///
/// Takes the arguments of [`macro@agent`] but `compensate`.
#[proc_macro_attribute]
pub fn arbiter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Arbiter, arguments, item)
}
