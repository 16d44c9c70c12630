"""Which adapters stand behind each port, and which optional abilities the storage backends among them have.

The contract suites run over this table, memory first: a fault of a suite shows before any engine starts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.memory.dead_letters import MemoryDeadLetters
from adapters.memory.receipts import MemoryReceipts
from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from adapters.sqlite.backend import SqliteBackend
from adapters.sqlite.state import StateStore
from domain.model.translation import BUILT_IN
from ports.abilities import ConditionalWrites, Counting, Scanning

OPTIONAL = (ConditionalWrites, Counting, Scanning)

ABILITIES = {
    #           conditional writes  counting  scanning
    "memory": {ConditionalWrites, Counting, Scanning},
    "sqlite": {ConditionalWrites, Counting, Scanning},
}

BACKENDS: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryBackend(),
    "sqlite": lambda folder: SqliteBackend(folder / "store.db", BUILT_IN),
}


def with_ability(ability: type) -> pytest.MarkDecorator:
    """Runs a test on the backends that have an ability."""
    able = [name for name, abilities in ABILITIES.items() if ability in abilities]
    return pytest.mark.parametrize("backend", able, indirect=True)


class MemoryState:
    """The memory adapters under the names of ``StateStore``."""

    def __init__(self) -> None:
        self.dead_letters = MemoryDeadLetters()
        self.receipts = MemoryReceipts()
        self.revision_ceiling = MemoryRevisionCeiling()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


STATES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryState(),
    "sqlite": lambda folder: StateStore(folder / "state.db"),
}
