"""Requests to the outside; needs the grant `http`."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass
from typing import Any, Optional, Union


class HttpProblem(Exception):
    """Why there is no answer; `code` is one of the tokens of the contract, or `no-json`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class Response:
    """Any answer of the server, whatever its status."""

    status: int
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON; an `HttpProblem` where it is none."""
        try:
            return _json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpProblem("no-json", f"the answer is no JSON: {error}") from None


def send(
    url: str, method: str = "GET", headers: Optional[dict[str, str]] = None, body: Union[str, bytes] = b"",
) -> Response:
    """Sends a request, as far as the flow's grant allows it, and waits for the answer."""
    from componentize_py_types import Err
    from wit_world.imports import http

    raw = body.encode() if isinstance(body, str) else body
    try:
        answer = http.send(http.Request(method, url, list((headers or {}).items()), raw, []))
    except Err as error:
        raise HttpProblem(error.value.code, error.value.message) from None
    return Response(answer.status, answer.url, dict(answer.headers), bytes(answer.body))
