"""The file of the search index: made anew where it is of other rules, or damaged; never what a start fails on."""

from __future__ import annotations

import msgspec
import pytest

from adapters.sql.queries import Prepared
from adapters.sqlite import full_text
from adapters.sqlite.search_index import SqliteSearchIndex
from domain.errors import QueryTimeout, StartFailure
from domain.model.built_in import BUILT_IN
from domain.model.search import IndexPosition, SearchQuery
from domain.model.translation import TASKS
from persistence_contract.records import record


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


async def fill(path, collections=BUILT_IN):
    index = SqliteSearchIndex(path, collections)
    await index.open()
    await index.index(TASKS, [record("a", source_text="word", batch_id="batch7")], IndexPosition("7", 1))
    await index.close()


async def found(index, word, collection=TASKS):
    return [hit.key for hit in (await index.search(collection, SearchQuery(words=(word,)))).hits]


async def test_an_index_of_other_rules_is_emptied_and_says_so(path):
    await fill(path)
    fields = [
        msgspec.structs.replace(field, searchable=field.searchable or field.name == "batch_id")
        for field in TASKS.fields
    ]
    tasks = msgspec.structs.replace(TASKS, fields=tuple(fields))
    later = tuple(tasks if collection is TASKS else collection for collection in BUILT_IN)
    index = SqliteSearchIndex(path, later)
    await index.open()
    assert await index.position(tasks, "7") is None
    assert await found(index, "word", tasks) == []
    await index.index(tasks, [record("a", source_text="word", batch_id="batch7", collection=tasks)])
    assert await found(index, "batch7", tasks) == ["a"]
    await index.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 1000, b"\xff" * 4096])
async def test_a_damaged_file_begins_anew(path, damage):
    await fill(path)
    path.write_bytes(damage)
    index = SqliteSearchIndex(path, BUILT_IN)
    await index.open()
    assert await index.position(TASKS, "7") is None
    await index.index(TASKS, [record("a", source_text="word")])
    assert await found(index, "word") == ["a"]
    await index.close()


async def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    index = SqliteSearchIndex(tmp_path / "file" / "search.db", BUILT_IN)
    with pytest.raises(StartFailure, match=r"search\.db cannot be opened: there is no folder .*/file\."):
        await index.open()


async def test_a_search_that_takes_too_long_says_how_to_narrow_it(path, monkeypatch):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    monkeypatch.setattr(full_text.Found, "page", lambda self: Prepared(endless, []))
    index = SqliteSearchIndex(path, BUILT_IN, statement_deadline_seconds=1.0)
    await index.open()
    with pytest.raises(QueryTimeout, match="longer words"):
        await found(index, "zz")
    await index.close()


def test_statements_hold_declared_names_only():
    query = SearchQuery(words=("'; DROP TABLE x; --", 'a"b', "%"))
    for prepared in (full_text.Found(TASKS, query).page(), full_text.Found(TASKS, query).total()):
        assert "DROP" not in prepared.text
        assert prepared.text.count("?") == len(prepared.parameters)
