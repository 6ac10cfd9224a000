"""Older history than a view holds; for strategies."""

from __future__ import annotations

from typing import Any

try:
    # Here and not where it is used: behind the build there is nothing to import from.
    from wit_world.imports import history
except ImportError:  # in unit tests
    history = None


def before(id: int, count: int) -> list[Any]:
    """At most `count` (256 at the most) entries whose id is below `id`, newest first."""
    return history.before(id, count)
