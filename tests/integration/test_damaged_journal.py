"""A damaged frame costs its own records alone, and their receipts say so."""

from pathlib import Path

import pytest

from adapters.journal.write_buffer import LocalJournal
from domain.model.built_in import BUILT_IN
from domain.model.dead_letters import LetterFilter
from domain.model.observations import RecordDeadLettered
from domain.model.receipts import ReceiptState
from domain.model.records import Verdict
from domain.model.translation import TASKS
from tests.unit.domain.services.house import House, task

LANES = [collection.name for collection in BUILT_IN]


def damage(folder: Path, text: bytes) -> None:
    """Flip one byte of the frame that holds a text."""
    (segment,) = (folder / TASKS.name).glob("*.segment")
    content = bytearray(segment.read_bytes())
    place = content.index(text)
    content[place] ^= 1
    segment.write_bytes(content)


@pytest.mark.parametrize("damaged", [0, 1])
async def test_the_records_of_a_damaged_frame_stand_in_the_dead_letters_and_the_others_are_stored(tmp_path, damaged):
    house = House()
    house.write_buffer = journal = LocalJournal(tmp_path, LANES, house.seen.append, house.clock)
    await journal.open()
    house.build()
    async with house.running(draining=False):
        receipts = [(await house.post(task(f"a{n}"), task(f"b{n}"))).receipt for n in range(3)]
    await journal.close()
    damage(tmp_path, f'"b{damaged}"'.encode())

    house.write_buffer = journal = LocalJournal(tmp_path, LANES, house.seen.append, house.clock)
    await journal.open()
    house.build()
    async with house.running():
        await house.settled()
        statuses = [await house.receipt_service.status(str(receipt)) for receipt in receipts]
        stored = [n for n in range(3) if await house.backend.read(TASKS, f"a{n}")]
        letters = await house.dead_letters.find(LetterFilter(lane=TASKS.name), limit=10)
    await journal.close()

    lost = receipts[damaged]
    assert stored == [n for n in range(3) if n != damaged]
    assert [status.state for status in statuses] == [ReceiptState.APPLIED] * 3
    assert [len(status.exceptions) for status in statuses] == [2 if n == damaged else 0 for n in range(3)]
    assert {(found.verdict, found.code) for found in statuses[damaged].exceptions} == {
        (Verdict.DEAD_LETTERED, "frame_quarantined")
    }
    assert [letter.sequence for letter in letters] == [lost.first, lost.last]
    assert [seen.error for seen in house.observed(RecordDeadLettered)] == ["frame_quarantined"] * 2
