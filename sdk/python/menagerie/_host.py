"""The host's functions: those of the world within a component, simple ones outside."""

from __future__ import annotations

import json
from typing import Any, Optional

try:
    from wit_world.imports import clock as _clock, invocation as _invocation, log as _log
    from wit_world.imports import progress as _progress, random as _random
except ImportError:  # in unit tests
    _log = None

logged: list[tuple[str, str]] = []
kept: dict[str, str] = {}


def log(level: str, message: str) -> None:
    if _log is None:
        logged.append((level, message))
    else:
        _log.write(_log.Level[level.upper()], message)


def now_ms() -> float:
    return 0.0 if _log is None else _clock.now_ms()


def now() -> str:
    return "1970-01-01T00:00:00.000Z" if _log is None else _clock.now()


def random_bytes(count: int) -> bytes:
    return bytes(count) if _log is None else bytes(_random.bytes(count))


def random_next_u32() -> int:
    return 1 << 31 if _log is None else _random.next_u32()


def random_next() -> float:
    return 0.5 if _log is None else _random.next_f64()


def progress(what: str, value: Any) -> None:
    if _log is not None:
        getattr(_progress, what)(value)


def invocation(what: str) -> Any:
    if _log is None:
        return {"attempt": 1, "deadline_ms": 0, "fuel_left": 0.0, "last_fault": None, "hints": []}.get(what, "test")
    return getattr(_invocation, what)()


def context_get(key: str) -> Optional[str]:
    return kept.get(key) if _log is None else _invocation.context_get(key)


def context_put(key: str, value: str) -> None:
    if _log is None:
        kept[key] = value
        return
    from componentize_py_types import Err

    try:
        _invocation.context_put(key, value)
    except Err as refused:
        raise ValueError(f"the context does not take {key}: {refused.value}") from None


def fault_from(fault: Any) -> Any:
    """A fault of the host's as one of ours."""
    from . import Fault

    if fault is None:
        return None
    details = None if fault.details is None else json.loads(fault.details)
    return Fault(
        fault.code, fault.message, retry_after_ms=fault.retry_after_ms, details=details,
        extra={name: json.loads(value) for name, value in fault.extra},
    )
