"""Between the world's records and the words of this package; `menagerie build` writes the module that calls this."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import types

from . import Attachment, Decision, Difference, Fault, GroupView, Member, Outcome, Problem, Task, Verdict, View
from . import _host, _registered, _Seen


def function(kind: str) -> Callable[..., Any]:
    """The plugin's function for an export."""
    if kind not in _registered:
        name = {"config-check": "check"}.get(kind, kind.replace("-", "_"))
        found = ", ".join(_registered) or "none"
        raise TypeError(f"the project has to have a function under @menagerie.{name}; it has {found}")
    return _registered[kind]


def complete(exports: list[str]) -> None:
    """Whether everything that the project has is exported, too; at build time."""
    for kind, name in (("compensate", "compensate"), ("config-check", "check")):
        if kind in _registered and kind not in exports:
            raise TypeError(f"there is a function under @menagerie.{name}, and `exports` of pyproject.toml has no {kind}: it would never be called")


def text(value: Any, what: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} cannot be written as JSON: {error}") from None


def optional_text(value: Any, what: str) -> Any:
    return None if value is None else text(value, what)


def read(document: Any) -> Any:
    return None if document is None else json.loads(document)


def extras_from(pairs: Any) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in pairs}


def extras_to(extra: Any) -> list[tuple[str, str]]:
    return [(name, text(value, f"extra.{name}")) for name, value in (extra or {}).items()]


# The host takes no longer message, in bytes, of which a character takes at most four.
MESSAGE_CHARACTERS = (64 << 10) // 4


def shortened(message: str) -> str:
    """A message with its middle left out when it is too long for the host, which would refuse the whole fault."""
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    left_out = f" … (of {len(message)} characters) … "
    half = (MESSAGE_CHARACTERS - len(left_out)) // 2
    return message[:half] + left_out + message[-half:]


def told(make: Callable[[], Any], *answers: type[Exception]) -> Any:
    """What is raised is told in the log, and crashes; but for answers."""
    if "random" in sys.modules:
        # It was seeded when the component was built, alike for every call.
        sys.modules["random"].seed(_host.random_bytes(16))
    try:
        return make()
    except answers:
        raise
    except Exception:
        _host.log("error", traceback.format_exc().rstrip())
        raise


def answered(make: Callable[[], Any]) -> Any:
    """Faults become the host's."""
    try:
        return told(make, Fault)
    except Fault as fault:
        details = optional_text(fault.details, "the fault's details")
        message = shortened(str(fault.message))
        raise Err(types.Fault(fault.code, message, fault.retry_after_ms, details, extras_to(fault.extra))) from None


def task_from(task: Any) -> Task:
    attachments = [Attachment(one.id, one.media_type, one.digest) for one in task.attachments]
    return Task(json.loads(task.input), json.loads(task.config), attachments, extras_from(task.extra))


def outcome_to(answer: Any) -> Any:
    outcome = answer if isinstance(answer, Outcome) else Outcome(answer)
    attachments = [types.ArtifactRef(one.id, one.media_type, one.digest) for one in outcome.attachments]
    return types.Outcome(text(outcome.output, "the output"), outcome.confidence, attachments, extras_to(outcome.extra))


def outcome_from(outcome: Any) -> Outcome:
    attachments = [Attachment(one.id, one.media_type, one.digest) for one in outcome.attachments]
    return Outcome(json.loads(outcome.output), outcome.confidence, attachments, extras_from(outcome.extra))


def member_from(member: Any) -> Member:
    return Member(
        member.member, member.status, read(member.output), member.confidence, _host.fault_from(member.error), extras_from(member.extra),
    )


JSON = {"state", "config", "input", "output", "context"}


def seen(record: Any, make: type = _Seen) -> Any:
    """A record of the host's with its JSON read, and the records within it."""
    fields = {}
    for name, value in vars(record).items():
        if name in JSON:
            value = read(value)
        elif name == "extra":
            value = extras_from(value)
        elif name in ("error", "last_fault"):
            value = _host.fault_from(value)
        elif isinstance(value, list):
            value = [seen(one) if hasattr(one, "__dict__") else one for one in value]
        fields[name] = value
    return make(**fields)


def agent(task: Any) -> Any:
    return answered(lambda: outcome_to(function("agent")(task_from(task))))


def compensate(task: Any, outcome: Any) -> None:
    answered(lambda: function("compensate")(task_from(task), outcome_from(outcome)))


def config_check(config: str, agents: list[str]) -> list[Problem]:
    return told(lambda: function("config-check")(json.loads(config), agents) or [])


def aggregator(results: list[Any], config: str) -> Any:
    return answered(lambda: outcome_to(function("aggregator")([member_from(one) for one in results], json.loads(config))))


def arbiter(results: list[Any], differences: list[Any], config: str) -> Verdict:
    def places() -> list[Difference]:
        made = []
        for one in differences:
            values = {member: read(value) for member, value in one.values if value is not None}
            made.append(Difference(one.pointer, values, [member for member, value in one.values if value is None]))
        return made

    return answered(lambda: function("arbiter")([member_from(one) for one in results], places(), json.loads(config)))


def strategy(view: Any) -> Decision:
    return answered(lambda: function("strategy")(seen(view, View)))


def group_strategy(view: Any) -> Decision:
    return answered(lambda: function("group-strategy")(seen(view, GroupView)))


class Named:
    """Ids of a decision's steps and joins, and what others call them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken: set[str] = set()
        self.ids: dict[str, str] = {}

    def take(self, name: str, chosen: Any) -> str:
        usual = f"{name}#{self.number}" if self.number > 1 else name
        free, copy = chosen or usual, 2
        while chosen is None and free in self.taken:
            free, copy = f"{usual}.{copy}", copy + 1
        self.taken.add(free)
        self.ids.setdefault(name, free)
        return free

    def of(self, name: str) -> str:
        return self.ids.get(name, name)


def routing(decision: Decision, names: Named, requests: list[Any]) -> tuple[Any, Any, Any, str]:
    """What decisions of pipelines and of groups share: dependencies, wake, ending, metadata."""
    from wit_world.imports import routing as wit

    after = [wit.Dependency(id, [names.of(name) for name in one.after]) for id, one in requests if one.after]
    if decision.wake == "all-finished":
        wake: Any = wit.Wake_AllFinished()
    elif decision.wake == "any-finished":
        wake = wit.Wake_AnyFinished()
    elif isinstance(decision.wake, int):
        wake = wit.Wake_Timer(decision.wake)
    else:
        wake = wit.Wake_These([names.of(name) for name in decision.wake])
    end = None
    if decision.status is not None:
        end = wit.Ending(decision.status, decision.reason, optional_text(decision.output, "the run's output"))
    return after, wake, end, text(decision.metadata, "metadata")
