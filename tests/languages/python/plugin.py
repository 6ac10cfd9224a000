"""The guest of ../cases.toml in Python."""

import random
import time

import menagerie
from menagerie import Fault, Outcome, Problem, Task, clock, context, invocation, log, progress


def draw():
    drawn = [random.random(), random.random(), menagerie.random.next(), menagerie.random.next_u32() / 2**32]
    return [all(0 <= n < 1 for n in drawn), len(set(drawn)) == 4, len(menagerie.random.bytes(8)) == 8]


def keep():
    before = context.get("before")
    context.put("now", {"n": 2})
    return [before, context.get("now"), context.get("never") is None]


@menagerie.agent
def process(task: Task):
    what = task.input.get("do") if isinstance(task.input, dict) else None
    if what == "echo":
        return {"value": task.input.get("value")}
    if what == "config":
        return {"value": task.config}
    if what == "sure":
        return Outcome({"value": "sure"}, confidence=0.25)
    if what == "fault":
        raise Fault(str(task.input.get("code")), "as it was asked for")
    if what == "log":
        log.info(task.input.get("value"))
        return {"value": "logged"}
    if what == "print":
        print(task.input.get("value"))
        return {"value": "printed"}
    if what == "random":
        return {"value": draw()}
    if what == "time":
        return {"value": [round(time.time() * 1000), clock.now()]}
    if what == "invocation":
        return {"value": [invocation.run(), invocation.step(), invocation.name(), invocation.attempt()]}
    if what == "limits":
        before = invocation.fuel_left()
        return {"value": [invocation.deadline_ms() > 0, before > invocation.fuel_left()]}
    if what == "progress":
        progress.fraction(0.5)
        progress.note("half of it")
        progress.chunk("a piece")
        return {"value": "shown"}
    if what == "hints":
        return {"value": invocation.hints()}
    if what == "context":
        return {"value": keep()}
    if what == "attach":
        return Outcome({"value": len(task.attachments)}, attachments=task.attachments)
    if what == "extra":
        return Outcome({"value": "extra"}, extra={"note": {"n": [1]}})
    if what == "later":
        raise Fault.transient("not yet", retry_after_ms=1500, details={"place": [1, 2]})
    if what == "last":
        last = invocation.last_fault()
        return {"value": [last.code, last.message, invocation.attempt()]}
    while what == "spin":
        pass
    raise Fault.invalid_input("`do` has to be one of those in cases.toml")


@menagerie.compensate
def undo(task: Task, outcome: Outcome):
    made = outcome.output.get("made")
    if not isinstance(made, str):
        raise Fault.permanent("there is nothing to undo")
    sure = "sure" if outcome.confidence == 0.25 else "unsure"
    log.info(f"undid {task.input.get('value')}: {made}, {sure}, {len(outcome.attachments)}")


@menagerie.check
def check(config, agents):
    problems = []
    if isinstance(config.get("least"), str):
        problems.append(Problem("expected a number", "/least"))
    if "needs" in config and config["needs"] not in agents:
        problems.append(Problem("expected an agent of the flow", "/needs"))
    return problems
