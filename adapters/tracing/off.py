"""What stands where traces are off; it needs no library."""

from __future__ import annotations

from domain.model.observations import Observation
from domain.model.records import HealthStatus


class NoTracing:
    """Nothing is traced."""

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to send."""

    async def health_check(self) -> HealthStatus:
        """Nothing to arrive anywhere."""
        return HealthStatus(healthy=True, detail="off: nothing is traced", latency_seconds=0.0)

    def __call__(self, observation: Observation) -> None:
        """Nothing to note."""
