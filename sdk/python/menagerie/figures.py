"""How a flow's agents have fared of late, in whatever runs; for strategies."""

from __future__ import annotations

from typing import Any

try:
    # Here and not where it is used: behind the build there is nothing to import from.
    from wit_world.imports import figures
except ImportError:  # in unit tests
    figures = None


def agents() -> list[Any]:
    """Each agent of the flow: `name`, `completed`, `failed`, `mean_ms`, `median_ms`, `p95_ms`, `waiting_ms`, `running`, `queued`.

    The same whenever this decision is told again.
    """
    return figures.agents()
