"""What the steps of a run share; needs the grant `shared`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional


class SharedProblem(Exception):
    """Why there is no answer; `code` is one of the tokens of the contract."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class Versioned:
    """A value and how often it was set."""

    version: int
    value: Any


class Conflict(Exception):
    """The value is not of the version that was expected; `found` is what is there, if anything."""

    def __init__(self, found: Optional[Versioned]) -> None:
        super().__init__(f"the value has version {found.version}" if found else "there is no such value")
        self.found = found


def _read(found: Any) -> Optional[Versioned]:
    return None if found is None else Versioned(found.version, json.loads(found.value))


def get(key: str) -> Optional[Versioned]:
    """A value as it is now, with its version; none when it was never set."""
    from componentize_py_types import Err
    from wit_world.imports import shared

    try:
        return _read(shared.get(key))
    except Err as error:
        raise SharedProblem(error.value.code, error.value.message) from None


def compare_and_set(key: str, expected: Optional[int], value: Any) -> int:
    """Sets a value that is of the expected version, or not there when none is. Answers with its version from now on."""
    from componentize_py_types import Err
    from wit_world.imports import shared

    try:
        return shared.compare_and_set(key, expected, json.dumps(value))
    except Err as error:
        raise _refused(error.value) from None


def delete(key: str, expected: int) -> None:
    """Takes a value away that is of the expected version. What is set under its key later goes on counting from there."""
    from componentize_py_types import Err
    from wit_world.imports import shared

    try:
        shared.delete(key, expected)
    except Err as error:
        raise _refused(error.value) from None


def _refused(refusal: Any) -> Exception:
    from wit_world.imports import shared

    if isinstance(refusal, shared.Refusal_Conflict):
        return Conflict(_read(refusal.value))
    return SharedProblem(refusal.value.code, refusal.value.message)
