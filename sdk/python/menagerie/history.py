"""Older history than a view holds; for strategies."""

from __future__ import annotations

from typing import Any


def before(id: int, count: int) -> list[Any]:
    """At most `count` (256 at the most) entries whose id is below `id`, newest first."""
    from wit_world.imports import history

    return history.before(id, count)
