"""The guest of ../cases.toml in Python."""

import random
import time

import menagerie
from menagerie import Fault, Outcome, Task, clock, context, invocation, log


def draw():
    drawn = [random.random(), random.random(), menagerie.random.next()]
    return [all(0 <= n < 1 for n in drawn), len(set(drawn)) == 3, len(menagerie.random.bytes(8)) == 8]


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
