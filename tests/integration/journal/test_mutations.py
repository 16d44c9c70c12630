"""What the proofs are worth: a journal without one of its safeguards must fail them."""

from __future__ import annotations

import pytest
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
    muted = ("fdatasync",)


class WithoutDirectorySync(JournalMachine):
    muted = ("fsync_directory",)


class WithoutChecksum(JournalMachine):
    codec = Codec(checksum=lambda data, seed: 0)


class WithoutCut(JournalMachine):
    muted = ("truncate",)


@pytest.mark.parametrize("mutant", [WithoutDataSync, WithoutDirectorySync, WithoutChecksum, WithoutCut])
def test_a_journal_without_one_safeguard_fails_the_state_machine(mutant: type[JournalMachine]) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(mutant, settings=SEARCH)
