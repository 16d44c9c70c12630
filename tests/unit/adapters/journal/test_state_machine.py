"""Short histories for every run; ``tests/integration/journal`` has the long ones."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

from tests.unit.adapters.journal.machine import JournalMachine


class TestAnyHistoryKeepsWhatWasAnswered(JournalMachine.TestCase):
    settings = settings(
        max_examples=40,
        stateful_step_count=20,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),  # a failing history is short enough; shrinking takes minutes
    )
