"""Files that the steps of a run make and read; needs the grant `artifacts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Union

from . import Attachment


class ArtifactProblem(Exception):
    """Why there is no answer; `code` is one of the tokens of the contract."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class ArtifactInfo:
    """What there is to say of an artifact; `version` counts those of its name."""

    artifact: Attachment
    name: str
    version: int
    size: int


def _asked(question: Callable[[], Any]) -> Any:
    from componentize_py_types import Err

    try:
        return question()
    except Err as error:
        raise ArtifactProblem(error.value.code, error.value.message) from None


def put(name: str, media_type: str, content: Union[str, bytes]) -> Attachment:
    """Keeps a content under a name; the same name again is another version. An outcome may attach what this answers."""
    from wit_world.imports import artifacts

    raw = content.encode() if isinstance(content, str) else content
    made = _asked(lambda: artifacts.put(name, media_type, raw))
    return Attachment(made.id, made.media_type, made.digest)


def stat(id: str) -> ArtifactInfo:
    """What there is to say of an artifact of this run."""
    from wit_world.imports import artifacts

    info = _asked(lambda: artifacts.stat(id))
    made = info.artifact
    return ArtifactInfo(Attachment(made.id, made.media_type, made.digest), info.name, info.version, info.size)


def get(id: str, offset: int = 0, length: int = 1 << 20) -> bytes:
    """At most `length` bytes, and at most 1 MiB, from `offset`; fewer only at the end."""
    from wit_world.imports import artifacts

    return bytes(_asked(lambda: artifacts.get(id, offset, length)))
