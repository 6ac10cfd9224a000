"""What a plugin in Python imports: decorators that make a function a plugin, and the host's functions.

`menagerie build` puts this package into the component. Outside of one (in your editor, in unit tests) the
host's functions answer as `_host.py` has it.
"""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, TypeVar, Union

from . import _host

__all__ = [
    "Attachment", "Decision", "Difference", "Fault", "Join", "Member", "Outcome", "Problem", "Step", "Task", "Verdict", "View",
    "GroupView", "agent", "aggregator", "arbiter", "check", "clock", "compensate", "context", "group_strategy", "invocation", "log",
    "progress", "random", "strategy",
]


# --- what is given and answered ---

@dataclass
class Attachment:
    """A file that a step produced, by content."""

    id: str
    media_type: str
    digest: str


@dataclass
class Task:
    """What an agent is given. `attachments` are files that the run was begun with or that steps before this one attached;
    agents alone are given any: a strategy's view has none."""

    input: Any
    config: Any = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """An output with its confidence, attachments or extras; a bare output needs none of this."""

    output: Any
    confidence: Optional[float] = None
    attachments: list[Attachment] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class Fault(Exception):
    """Raised, it is the plugin's answer. Any other exception is a crash, with its traceback in the log."""

    def __init__(
        self, code: str, message: str, *, retry_after_ms: Optional[int] = None, details: Any = None,
        extra: Optional[dict[str, Any]] = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.details = details
        self.extra = extra or {}

    @classmethod
    def invalid_input(cls, message: str, **more: Any) -> Fault:
        """The input is not what the agent takes; never retried."""
        return cls("invalid-input", message, **more)

    @classmethod
    def transient(cls, message: str, **more: Any) -> Fault:
        """May work later; retried."""
        return cls("transient", message, **more)

    @classmethod
    def permanent(cls, message: str, **more: Any) -> Fault:
        """Will not work; not retried."""
        return cls("permanent", message, **more)

    @classmethod
    def denied(cls, message: str, **more: Any) -> Fault:
        """The host refused something that the plugin needs."""
        return cls("denied", message, **more)

    @classmethod
    def escalate(cls, message: str, **more: Any) -> Fault:
        """A person, or another authority, must decide."""
        return cls("escalate", message, **more)


@dataclass
class Problem:
    """One thing that is wrong with a configuration; `pointer` is an RFC 6901 JSON pointer."""

    message: str
    pointer: str = ""
    offset: Optional[int] = None


@dataclass
class Member:
    """One member's part in a join."""

    member: str
    status: str
    output: Any = None
    confidence: Optional[float] = None
    error: Optional[Fault] = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Difference:
    """A place where results differ: each member's value there, or its absence."""

    pointer: str
    values: dict[str, Any]
    absent: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """An arbiter's answer: a member that stands, or an output made out of several."""

    chosen: Optional[str] = None
    output: Any = None
    reason: str = ""
    confidence: Optional[float] = None
    extra: dict[str, Any] = field(default_factory=dict)


# --- decisions ---

@dataclass
class Step:
    """One step to start. Left out: the id is the agent's name, the input the run's state."""

    agent: str
    kind: str = "route"
    reason: str = ""
    id: Optional[str] = None
    input: Any = None
    after: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Join:
    """Parallel steps whose results an aggregator joins; members are agents or ids of this decision."""

    aggregator: str
    members: list[str]
    reason: str = ""
    id: Optional[str] = None
    config: Any = None
    after: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


Wake = Union[str, list[str], int]


@dataclass
class Decision:
    """What a strategy answers. `wake` is "all-finished", "any-finished", ids of steps, or milliseconds."""

    start: list[Step] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    wake: Wake = "all-finished"
    wake_on_failure: bool = False
    reason: str = ""
    confidence: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)
    aggregator: Optional[str] = None
    status: Optional[str] = None
    output: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def route(cls, *agents: str) -> Decision:
        """Agents one after the other, each seeing what the one before made."""
        steps = [Step(name, after=[agents[at - 1]] if at else []) for at, name in enumerate(agents)]
        return cls(start=steps)

    @classmethod
    def parallel(cls, *agents: str, join: Optional[str] = None) -> Decision:
        """Agents side by side; with `join` an aggregator makes one result of theirs."""
        joins = [Join(join, list(agents))] if join else []
        return cls(start=[Step(name) for name in agents], joins=joins)

    @classmethod
    def retry(cls, agent: str, reason: str) -> Decision:
        """Runs an agent again, telling it what went wrong."""
        return cls(start=[Step(agent, "retry", reason)])

    @classmethod
    def skip(cls, agent: str, reason: str) -> Decision:
        """Notes that an agent was left out."""
        return cls(start=[Step(agent, "skip", reason)])

    @classmethod
    def escalate(cls, agent: str, reason: str) -> Decision:
        """Waits for an answer; the agent runs if the answer is to try again."""
        return cls(start=[Step(agent, "escalate", reason)])

    @classmethod
    def wait(cls) -> Decision:
        """Starts nothing and goes on waiting for what runs."""
        return cls()

    @classmethod
    def end(cls, output: Any = None, reason: str = "") -> Decision:
        """Ends the run well; with the run's state where no output is given."""
        return cls(status="completed", output=output, reason=reason)

    @classmethod
    def fail(cls, reason: str) -> Decision:
        """Ends the run as failed."""
        return cls(status="failed", reason=reason)


class _Seen:
    """A record of the host's, its JSON read."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__})"


class View(_Seen):
    """What a strategy may see: `decision`, `trigger`, `state`, `config`, `agents`, `steps`, `history`, `current_step`,
    `step_duration_ms`, `retry_count`, `error_rate`, `steps_left`, `extra`, as `wit/strategy.wit` documents them."""

    decision: int
    trigger: str
    state: Any
    config: Any
    agents: list[Any]
    steps: list[Any]
    history: list[Any]

    def agent(self, name: str) -> Optional[Any]:
        """The agent of that name."""
        return next((one for one in self.agents if one.name == name), None)


class GroupView(_Seen):
    """What a group strategy may see: `wit/group.wit` documents the fields."""


# --- decorators ---

Function = TypeVar("Function", bound=Callable[..., Any])
_registered: dict[str, Callable[..., Any]] = {}


def _register(kind: str, function: Function) -> Function:
    if kind in _registered:
        raise TypeError(f"a project is one plugin: {_registered[kind].__name__} and {function.__name__} are both its {kind}")
    _registered[kind] = function
    return function


def agent(process: Function) -> Function:
    """Makes `process(task)` the agent: it answers with an output or an `Outcome`, or raises a `Fault`."""
    return _register("agent", process)


def strategy(decide: Function) -> Function:
    """Makes `decide(view)` the strategy: it answers with a `Decision`."""
    return _register("strategy", decide)


def group_strategy(decide: Function) -> Function:
    """Makes `decide(view)` the group strategy; the steps of its `Decision` name pipelines."""
    return _register("group-strategy", decide)


def aggregator(aggregate: Function) -> Function:
    """Makes `aggregate(members, config)` the aggregator."""
    return _register("aggregator", aggregate)


def arbiter(arbitrate: Function) -> Function:
    """Makes `arbitrate(members, differences, config)` the arbiter: it answers with a `Verdict`."""
    return _register("arbiter", arbitrate)


def compensate(undo: Function) -> Function:
    """Makes `undo(task, outcome)` undo a step that completed; `exports` must name it."""
    return _register("compensate", undo)


def check(find: Function) -> Function:
    """Makes `find(config, agents)` look at the configuration before a run; `exports` must name `config-check`."""
    return _register("config-check", find)


# --- the host ---

class _Log:
    def __getattr__(self, level: str) -> Callable[..., None]:
        if level not in ("trace", "debug", "info", "warn", "error"):
            raise AttributeError(f"the log has no level {level}; it has trace, debug, info, warn and error")
        return lambda *parts: _host.log(level, " ".join(map(str, parts)))


class _Clock:
    @staticmethod
    def now_ms() -> int:
        """Milliseconds since 1970: the call's logical time, which stands still."""
        return int(_host.now_ms())

    @staticmethod
    def now() -> str:
        """The same as RFC 3339 text."""
        return _host.now()


class _Random:
    @staticmethod
    def bytes(count: int) -> bytes:
        return _host.random_bytes(count)

    @staticmethod
    def next_u32() -> int:
        return _host.random_next_u32()

    @staticmethod
    def next() -> float:
        """From 0 inclusive to 1 exclusive."""
        return _host.random_next()


class _Progress:
    @staticmethod
    def fraction(done: float) -> None:
        _host.progress("fraction", done)

    @staticmethod
    def note(text: str) -> None:
        _host.progress("note", text)

    @staticmethod
    def chunk(text: str) -> None:
        _host.progress("chunk", text)


class _Invocation:
    @staticmethod
    def run() -> str:
        return _host.invocation("run")

    @staticmethod
    def step() -> str:
        return _host.invocation("step")

    @staticmethod
    def name() -> str:
        return _host.invocation("name")

    @staticmethod
    def attempt() -> int:
        return _host.invocation("attempt")

    @staticmethod
    def deadline_ms() -> int:
        """The limit on this call's own running time."""
        return _host.invocation("deadline_ms")

    @staticmethod
    def fuel_left() -> int:
        return int(_host.invocation("fuel_left"))

    @staticmethod
    def last_fault() -> Optional[Fault]:
        """The fault that ended the attempt before this one."""
        return _host.fault_from(_host.invocation("last_fault"))

    @staticmethod
    def hints() -> dict[str, Any]:
        return {name: _json.loads(value) for name, value in _host.invocation("hints")}


class _Context:
    @staticmethod
    def get(key: str, default: Any = None) -> Any:
        """What this agent kept in an earlier step of the run."""
        found = _host.context_get(key)
        return default if found is None else _json.loads(found)

    @staticmethod
    def put(key: str, value: Any) -> None:
        """Keeps a value for this agent's later steps: JSON, at most 1 MiB in all."""
        _host.context_put(key, _json.dumps(value, ensure_ascii=False, allow_nan=False))


log = _Log()
clock = _Clock()
random = _Random()
progress = _Progress()
invocation = _Invocation()
context = _Context()
