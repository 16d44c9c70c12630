"""What one answer may hold in memory is bounded, however large the records are."""

import msgspec
import pytest

from adapters.sqlite.backend import SqliteBackend
from domain.errors import InvalidParameter
from domain.model.built_in import BUILT_IN
from domain.model.query import EVERYTHING, Query, Sort
from domain.model.translation import TASKS
from persistence_contract.records import record

LARGE = 500_000  # characters of text in each record
COUNT = 100


@pytest.fixture
async def backend(tmp_path):
    adapter = SqliteBackend(tmp_path / "store.db", BUILT_IN)
    await adapter.open()
    for start in range(0, COUNT, 20):
        records = [record(f"t{n:03}", 1, n) for n in range(start, start + 20)]
        place = TASKS.positions["source_text"]
        fat = [
            msgspec.structs.replace(each, values=(*each.values[:place], "x" * LARGE, *each.values[place + 1 :]))
            for each in records
        ]
        await adapter.write(TASKS, fat)
    yield adapter
    await adapter.close()


async def test_a_page_of_large_records_is_refused_with_the_cure_and_a_smaller_one_is_given(backend):
    query = Query(sort=(Sort("task_id"),), limit=COUNT)
    with pytest.raises(InvalidParameter, match="page_size"):
        await backend.query(TASKS, query)

    page = await backend.query(TASKS, msgspec.structs.replace(query, limit=50))
    assert (len(page.items), page.more) == (50, True)


async def test_a_scan_gives_large_records_in_smaller_portions(backend):
    portions = [len(portion) async for portion in backend.scan(TASKS, EVERYTHING)]

    assert sum(portions) == COUNT
    assert max(portions) < COUNT
