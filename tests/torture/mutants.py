"""Journals without one of their safeguards: each must fail the proof, or the proof is worth nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.journal.format import Codec
from tests.unit.adapters.journal.machine import JournalMachine

SEARCH = settings(
    max_examples=500,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
    database=None,
    print_blob=False,
)


class WithoutDataSync(JournalMachine):
    """Answers before the disk has the data."""

    muted = ("fdatasync",)


class WithoutDirectorySync(JournalMachine):
    """Answers before the disk has the file's name."""

    muted = ("fsync_directory",)


class WithoutChecksum(JournalMachine):
    """Takes torn frames for whole ones."""

    codec = Codec(checksum=lambda data, seed: 0)


class WithoutCut(JournalMachine):
    """Leaves a torn tail in place."""

    muted = ("truncate",)


MUTANTS: tuple[type[JournalMachine], ...] = (WithoutDataSync, WithoutDirectorySync, WithoutChecksum, WithoutCut)


def survives(mutant: type[JournalMachine]) -> bool:
    """Whether the proof fails to notice."""
    try:
        run_state_machine_as_test(mutant, settings=SEARCH)
    except AssertionError:
        return False
    return True
