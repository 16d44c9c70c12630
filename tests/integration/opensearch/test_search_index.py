"""An index that many fill: it is known by what it says of itself, and gaps in it are said."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.errors import BackendUnavailable, InvalidParameter, SchemaMismatch
from domain.model.collections import MAX_TEXT_BYTES
from domain.model.query import And, Condition, Operator
from domain.model.search import IndexPosition, SearchQuery
from domain.model.translation import TASKS
from persistence_contract.records import record, tombstone
from tests.contract.adapters import opensearch_index
from tests.wire import Wire


@pytest.fixture
def prefix(opensearch):
    opensearch.start()
    return opensearch.prefix()


@pytest.fixture
async def instance(opensearch, prefix):
    """A function that opens the indexes as one more instance does."""
    opened = []

    async def instance(port=opensearch.port):
        index = opensearch_index(f"http://127.0.0.1:{port}", prefix)
        opened.append(index)
        await index.open()
        return index

    yield instance
    for index in opened:
        await index.close()


@pytest.fixture
def name(prefix):
    return f"{prefix}-{TASKS.name}"


async def result(index, *words, **more):
    return await index.search(TASKS, SearchQuery(words=words, limit=100, **more))


async def found(index, *words):
    return [hit.key for hit in (await result(index, *words)).hits]


async def test_what_is_in_the_index_is_what_was_declared(instance, opensearch, name):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")])
    mapping = opensearch.ask("GET", f"/{name}/_mapping")[name]["mappings"]
    assert mapping["dynamic"] == "strict"
    assert set(mapping["properties"]["values"]["properties"]) == {field.name for field in TASKS.data_fields}
    with pytest.raises(RuntimeError, match="400"):
        opensearch.ask("POST", f"/{name}/_doc", {"surprise": 1})


@pytest.mark.parametrize("document", [None, {"made": 1}, {"made": "x", "rules": "y"}])
async def test_an_index_of_others_is_neither_written_nor_removed(instance, opensearch, name, document):
    opensearch.ask("PUT", f"/{name}")
    if document is not None:
        opensearch.ask("PUT", f"/{name}/_doc/state?refresh=true", document)
    index = await instance()
    for call in (
        lambda: index.position(TASKS, "7"),
        lambda: index.clear(TASKS),
        lambda: index.index(TASKS, [record("a")]),
    ):
        with pytest.raises(SchemaMismatch, match=rf"{name} was not made by this service\. Choose another"):
            await call()
    assert opensearch.ask("GET", f"/{name}/_count")["count"] == (document is not None)


async def test_an_index_of_other_rules_asks_for_a_rebuild(instance, opensearch, name):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")], IndexPosition("7", 1))
    other = {"doc": {"rules": "those of another release"}}
    opensearch.ask("POST", f"/{name}/_update/state", other)
    for call in (lambda: index.position(TASKS, "7"), lambda: result(index, "word")):
        with pytest.raises(SchemaMismatch, match="`persistence search rebuild` makes it anew"):
            await call()
    await index.clear(TASKS)
    assert await index.position(TASKS, "7") is None
    assert await found(index, "word") == []


async def test_an_index_that_is_removed_is_missed_and_made_anew(instance, opensearch, name):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")], IndexPosition("7", 1))
    opensearch.ask("DELETE", f"/{name}")
    assert not (await result(index, "word")).whole
    with pytest.raises(BackendUnavailable, match="was removed, or made anew"):
        await index.index(TASKS, [record("b", source_text="word")], IndexPosition("7", 2))
    with pytest.raises(RuntimeError, match="404"):
        opensearch.ask("GET", f"/{name}")
    assert await index.position(TASKS, "7") is None
    await index.index(TASKS, [record("b", source_text="word")], IndexPosition("7", 2))
    assert await found(index, "word") == ["b"]


async def test_each_instance_has_a_position_of_its_own(instance):
    one, other = await instance(), await instance()
    await one.index(TASKS, [record("a", source_text="word")], IndexPosition("1", 10))
    assert await other.position(TASKS, "2") is None
    await other.index(TASKS, [record("b", source_text="word")], IndexPosition("2", 20))
    assert (await one.position(TASKS, "1"), await one.position(TASKS, "2")) == (
        IndexPosition("1", 10),
        IndexPosition("2", 20),
    )
    for index in (one, other):
        answer = await result(index, "word")
        assert answer.whole
    await asyncio.gather(*(one.index(TASKS, [], IndexPosition(str(number), number)) for number in range(50)))
    assert await other.position(TASKS, "49") == IndexPosition("49", 49)


async def test_instances_that_begin_at_once_make_one_index(instance):
    indexes = [await instance() for _ in range(4)]
    positions = await asyncio.gather(*(index.position(TASKS, str(i)) for i, index in enumerate(indexes)))
    assert positions == [None] * 4
    await asyncio.gather(
        *(
            index.index(TASKS, [record(f"t{i}", source_text="word")], IndexPosition(str(i), i))
            for i, index in enumerate(indexes)
        )
    )
    assert sorted(await found(indexes[0], "word")) == ["t0", "t1", "t2", "t3"]
    assert [await indexes[0].position(TASKS, str(i)) for i in range(4)] == [IndexPosition(str(i), i) for i in range(4)]


async def test_a_gap_that_one_instance_left_is_known_to_all(instance):
    one, other = await instance(), await instance()
    await one.index(TASKS, [record("a", source_text="word")], IndexPosition("1", 10))
    await other.index(TASKS, [], IndexPosition("2", 20))
    await one.index(TASKS, [], IndexPosition("1", None))
    assert not (await result(other, "word")).whole
    assert await one.position(TASKS, "1") == IndexPosition("1", None)
    await other.clear(TASKS)
    assert not (await result(one, "word")).whole
    assert await one.position(TASKS, "1") is None
    await other.index(TASKS, [record("a", source_text="word")], IndexPosition("2", 21))
    assert (await result(one, "word")).whole


async def test_who_fills_an_index_that_another_has_made_anew_meanwhile_is_told(instance):
    one, other = await instance(), await instance()
    assert await one.position(TASKS, "1") is None
    await one.index(TASKS, [record("a", source_text="word")])
    await other.clear(TASKS)
    await one.index(TASKS, [record("b", source_text="word")])  # the second half of what one had to fill in
    with pytest.raises(BackendUnavailable, match="made anew by another instance"):
        await one.index(TASKS, [], IndexPosition("1", 10))
    assert await other.position(TASKS, "1") is None
    assert not (await result(other, "word")).whole


async def test_what_was_deleted_stays_so_however_late_an_older_write_comes(instance, opensearch, name):
    index = await instance()
    await index.position(TASKS, "7")
    opensearch.ask("PUT", f"/{name}/_settings", {"index": {"gc_deletes": "0s"}})
    await index.index(TASKS, [tombstone("a", 2, 3)])
    opensearch.ask("POST", f"/{name}/_refresh")
    await index.index(TASKS, [record("a", 1, 2, source_text="word")])
    assert await found(index, "word") == []
    await index.index(TASKS, [record("a", 2, 4, source_text="word")])
    assert await found(index, "word") == ["a"]


async def test_versions_are_compared_as_pairs_to_the_last_bit(instance):
    index = await instance()
    for revision in (2**63 - 2, 2**62 + 1, 2**62, 2**53 + 1, 2**53):
        await index.index(TASKS, [record("a", 1, revision, source_text=f"word{revision}")])
    await index.index(TASKS, [record("a", 0.999999, 2**63 - 1, source_text="older")])
    assert await found(index, f"word{2**63 - 2}") == ["a"]
    await index.index(TASKS, [record("a", 1, 2**63 - 1, source_text="newer")])
    assert await found(index, "newer") == ["a"]


async def test_concurrent_writes_of_one_key_leave_the_greatest(instance):
    indexes = [await instance() for _ in range(3)]
    batches = [[record("a", i, 1, source_text=f"word{i}x")] for i in range(15)]
    await asyncio.gather(*(indexes[i % 3].index(TASKS, batch) for i, batch in enumerate(batches)))
    assert await found(indexes[0], "word14x") == ["a"]
    assert (await result(indexes[1], "word")).total == 1


@pytest.mark.parametrize("char", ["玻", "\x01"], ids=ascii)
async def test_the_longest_texts_are_taken(instance, char):
    index = await instance()
    size = MAX_TEXT_BYTES // len(char.encode()) - 4
    text = char * size + "end1"
    await index.index(TASKS, [record("long", source_text=text, translated_text=text), record("b", source_text="end1")])
    assert sorted(await found(index, "end1")) == ["b", "long"]
    assert await found(index, f"{char}end1") == ["long"]


async def test_a_comparison_that_the_index_cannot_make_is_refused(instance):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")])
    for operator, length, said in (
        (Operator.LT, 1000, "is compared with texts of less than 1000 characters"),
        (Operator.PREFIX, 1000, "is compared with texts of less than 1000 characters"),
        (Operator.CONTAINS, 201, "is searched for parts of at most 200 characters"),
    ):
        beyond = And((Condition("source_text", operator, ("x" * length,)),))
        with pytest.raises(InvalidParameter, match=f"`source_text` {said}"):
            await result(index, "word", filter=beyond)


@pytest.mark.parametrize(
    "word",
    ["a" * 1000, "(((((", "a.*b+[c]{3}", "~!@#$^&|", "\x00\x01ab", "AND", "_exists_:key", "😀" * 40],
    ids=lambda word: ascii(word)[:20],
)
async def test_odd_words_are_looked_for_as_they_are(instance, word):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word"), record("b", source_text=f"before{word}behind")])
    assert await found(index, word) == ["b"]


async def test_a_server_that_goes_and_comes_back_needs_nobody(instance, opensearch):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")], IndexPosition("7", 1))
    opensearch.kill()
    for call in (lambda: index.index(TASKS, [record("b")]), lambda: result(index, "word"), lambda: index.clear(TASKS)):
        with pytest.raises(BackendUnavailable, match="cannot be reached"):
            await call()
    assert not (await index.health_check()).healthy
    opensearch.start()
    assert await index.position(TASKS, "7") == IndexPosition("7", 1)
    assert await found(index, "word") == ["a"]
    assert (await index.health_check()).healthy


async def test_a_wire_that_is_cut_anywhere_leaves_what_a_repetition_completes(instance, opensearch):
    async with Wire(opensearch.host, opensearch.port) as wire:
        index = await instance(wire.port)
        await index.position(TASKS, "7")
        batch = [record(f"t{i}", source_text=f"word{i} same") for i in range(50)]
        for limits in ({"sent": 0}, {"sent": 3000}, {"received": 0}, {"received": 300}):
            wire.cut(**limits)
            with pytest.raises(BackendUnavailable):
                await index.index(TASKS, batch, IndexPosition("7", 1))
            wire.mend()
            assert await index.position(TASKS, "7") is None
        await index.index(TASKS, batch, IndexPosition("7", 1))
        assert (await result(index, "same")).total == 50
        assert await index.position(TASKS, "7") == IndexPosition("7", 1)


async def test_a_disk_that_is_full_is_said(instance, opensearch, name):
    index = await instance()
    await index.index(TASKS, [record("a", source_text="word")])
    full = {"index": {"blocks": {"read_only_allow_delete": True}}}
    opensearch.ask("PUT", f"/{name}/_settings", full)
    with pytest.raises(Exception, match="read-only") as refusal:
        await index.index(TASKS, [record("b", source_text="word")])
    assert refusal.value.code == "backend_exhausted"
    full["index"]["blocks"]["read_only_allow_delete"] = None
    opensearch.ask("PUT", f"/{name}/_settings", full)
    await index.index(TASKS, [record("b", source_text="word")])
    assert sorted(await found(index, "word")) == ["a", "b"]


async def test_a_rule_that_changes_makes_another_index(instance):
    from adapters.opensearch.documents import rules_of

    fields = tuple(
        msgspec.structs.replace(field, searchable=True) if field.name == "batch_id" else field for field in TASKS.fields
    )
    assert rules_of(TASKS) != rules_of(msgspec.structs.replace(TASKS, fields=fields))
