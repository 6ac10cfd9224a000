//! What the attribute macros expand to: the way from the contract's types to an author's function
//! and back. Not for use by hand.

use crate::agent::{Outcome, Task};
use crate::aggregate::{Difference, Member, Verdict};
use crate::check::Problem;
use crate::decision::Decision;
use crate::fault::Fault;
use crate::group::{GroupDecision, GroupView};
use crate::json::{FromJson, IntoJson};
use crate::strategy::View;
use crate::wire;

/// Makes a panic reach the host as a line of the log before the call traps.
fn report_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| {
        crate::host::log::write(crate::host::log::Level::Error, &panic.to_string());
    }));
}

pub fn agent<Input: FromJson, Config: FromJson, Output: IntoJson>(
    task: wire::Task,
    process: impl FnOnce(Task<Input, Config>) -> Result<Outcome<Output>, Fault>,
) -> Result<wire::Outcome, wire::Fault> {
    report_panics();
    let answer = Task::from_wire(task)
        .and_then(process)
        .and_then(Outcome::into_wire);
    answer.map_err(wire::Fault::from)
}

pub fn compensate<Input: FromJson, Config: FromJson, Output: FromJson>(
    task: wire::Task,
    outcome: wire::Outcome,
    compensate: impl FnOnce(Task<Input, Config>, Outcome<Output>) -> Result<(), Fault>,
) -> Result<(), wire::Fault> {
    report_panics();
    let answer = Task::from_wire(task)
        .and_then(|task| Ok((task, Outcome::from_wire(outcome)?)))
        .and_then(|(task, outcome)| compensate(task, outcome));
    answer.map_err(wire::Fault::from)
}

pub fn strategy<Config: FromJson, State: FromJson>(
    view: wire::strategy::View,
    decide: impl FnOnce(View<Config, State>) -> Result<Decision, Fault>,
) -> Result<wire::strategy::Decision, wire::Fault> {
    report_panics();
    let number = view.decision;
    let answer = View::from_wire(view).and_then(decide);
    answer
        .and_then(|decision| decision.into_wire(number))
        .map_err(wire::Fault::from)
}

pub fn group_strategy<Config: FromJson, Input: FromJson>(
    view: wire::group_strategy::GroupView,
    decide: impl FnOnce(GroupView<Config, Input>) -> Result<GroupDecision, Fault>,
) -> Result<wire::group_strategy::GroupDecision, wire::Fault> {
    report_panics();
    let number = view.decision;
    let answer = GroupView::from_wire(view).and_then(decide);
    answer
        .and_then(|decision| decision.into_wire(number))
        .map_err(wire::Fault::from)
}

pub fn aggregator<Input: FromJson, Config: FromJson, Output: IntoJson>(
    results: Vec<wire::MemberResult>,
    config: String,
    aggregate: impl FnOnce(Vec<Member<Input>>, Config) -> Result<Outcome<Output>, Fault>,
) -> Result<wire::Outcome, wire::Fault> {
    report_panics();
    let answer = configuration(config)
        .and_then(|config| aggregate(Member::all_from_wire(results)?, config))
        .and_then(Outcome::into_wire);
    answer.map_err(wire::Fault::from)
}

pub fn arbiter<Input: FromJson, Config: FromJson>(
    results: Vec<wire::MemberResult>,
    differences: Vec<wire::arbiter::Difference>,
    config: String,
    arbitrate: impl FnOnce(Vec<Member<Input>>, Vec<Difference>, Config) -> Result<Verdict, Fault>,
) -> Result<wire::arbiter::Verdict, wire::Fault> {
    report_panics();
    let differences = differences.into_iter().map(Difference::from).collect();
    let answer = configuration(config)
        .and_then(|config| arbitrate(Member::all_from_wire(results)?, differences, config))
        .and_then(Verdict::into_wire);
    answer.map_err(wire::Fault::from)
}

pub fn check<Config: FromJson>(
    config: String,
    agents: Vec<String>,
    check: impl FnOnce(Config, Vec<String>) -> Vec<Problem>,
) -> Vec<wire::config_check::ConfigProblem> {
    report_panics();
    let problems = match Config::from_json(config) {
        Ok(config) => check(config, agents),
        Err(error) => vec![Problem::from(error)],
    };
    problems
        .into_iter()
        .map(wire::config_check::ConfigProblem::from)
        .collect()
}

fn configuration<Config: FromJson>(text: String) -> Result<Config, Fault> {
    Config::from_json(text).map_err(|error| Fault::unreadable("the configuration", &error))
}

/// The type of a plugin's configuration, by the type of its function's argument.
pub trait Configured {
    type Config;
}

impl<Input, Config> Configured for Task<Input, Config> {
    type Config = Config;
}

impl<Config, State> Configured for View<Config, State> {
    type Config = Config;
}

impl<Config, Input> Configured for GroupView<Config, Input> {
    type Config = Config;
}

/// One trait for each place in a plugin's function, so that a wrong type is named where it stands.
macro_rules! places {
    ($($(#[$message:meta])* $place:ident: [$($generics:tt)*] $type:ty;)*) => {$(
        $(#[$message])*
        pub trait $place {}

        impl<$($generics)*> $place for $type {}
    )*};
}

places! {
    #[diagnostic::on_unimplemented(
        message = "an agent takes a `Task<Input>` or a `Task<Input, Config>`, not `{Self}`",
        label = "this has to be a `Task`"
    )]
    TaskArgument: [Input: FromJson, Config: FromJson] Task<Input, Config>;

    #[diagnostic::on_unimplemented(
        message = "a strategy takes a `View<Config>` or a `View<Config, State>`, not `{Self}`",
        label = "this has to be a `View`"
    )]
    ViewArgument: [Config: FromJson, State: FromJson] View<Config, State>;

    #[diagnostic::on_unimplemented(
        message = "a group strategy takes a `GroupView<Config>` or a `GroupView<Config, Input>`, not `{Self}`",
        label = "this has to be a `GroupView`"
    )]
    GroupViewArgument: [Config: FromJson, Input: FromJson] GroupView<Config, Input>;

    #[diagnostic::on_unimplemented(
        message = "the members' results are a `Vec<Member<Input>>`, not `{Self}`",
        label = "this has to be a `Vec<Member<…>>`"
    )]
    MembersArgument: [Input: FromJson] Vec<Member<Input>>;

    #[diagnostic::on_unimplemented(
        message = "the differences are a `Vec<Difference>`, not `{Self}`",
        label = "this has to be a `Vec<Difference>`"
    )]
    DifferencesArgument: [] Vec<Difference>;

    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be read from the configuration",
        label = "this type has to be readable"
    )]
    ConfigArgument: [Config: FromJson] Config;

    #[diagnostic::on_unimplemented(
        message = "this function returns `Result<Outcome<Output>, Fault>`, not `{Self}`",
        label = "this has to be a `Result<Outcome<…>, Fault>`"
    )]
    OutcomeResult: [Output: IntoJson] Result<Outcome<Output>, Fault>;

    #[diagnostic::on_unimplemented(
        message = "a strategy returns `Result<Decision, Fault>`, not `{Self}`",
        label = "this has to be a `Result<Decision, Fault>`"
    )]
    DecisionResult: [] Result<Decision, Fault>;

    #[diagnostic::on_unimplemented(
        message = "a group strategy returns `Result<GroupDecision, Fault>`, not `{Self}`",
        label = "this has to be a `Result<GroupDecision, Fault>`"
    )]
    GroupDecisionResult: [] Result<GroupDecision, Fault>;

    #[diagnostic::on_unimplemented(
        message = "an arbiter returns `Result<Verdict, Fault>`, not `{Self}`",
        label = "this has to be a `Result<Verdict, Fault>`"
    )]
    VerdictResult: [] Result<Verdict, Fault>;
}
