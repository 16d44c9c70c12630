"""Search indexes: what has every word is found, as it is indexed last, page by page."""

from __future__ import annotations

import asyncio
import html

import pytest

from domain.errors import BackendUnavailable, InvalidCursor, InvalidParameter
from domain.model.built_in import BUILT_IN
from domain.model.matching import matcher
from domain.model.query import And, Condition, Not, Operator, Or
from domain.model.search import (
    EXACT_HITS,
    FACET_VALUES,
    IndexPosition,
    Place,
    SearchQuery,
    decode_place,
    encode_place,
    words_of,
)
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import at, record, tombstone
from tests.contract.adapters import SEARCH_INDEXES, opensearch_index

TEXTS = {
    "latin": "The quick brown fox jumps over the lazy dog",
    "umlaut": "Fünf große Bären essen Käse",
    "cyrillic": "Съешь ещё этих мягких французских булок",
    "greek": "Ο λόγος του Θεού, 5 µm",
    "chinese": "我能吞下玻璃而不伤身体",
    "japanese": "私はガラスを食べられます。それは私を傷つけません",
    "arabic": "أنا قادر على أكل الزجاج و هذا لا يؤلمني",
    "thai": "ฉันกินกระจกได้ แต่มันไม่ทำให้ฉันเจ็บ",
    "korean": "나는 유리를 먹을 수 있어요",
    "hindi": "मैं काँच खा सकता हूँ और मुझे उससे कोई चोट नहीं पहुंचती",
    "format": "%(count)s of <b>%(total)s</b> items",
}
WORDS = {
    "latin": ["quick", "QUICK fox", "azy do", '"brown"'],
    "umlaut": ["große", "GROßE bären", "äse", "BÄ", "kÄ"],
    "cyrillic": ["мягких", "ФРАНЦУЗСКИХ булок", "ЕЩ", "съ"],
    "greek": ["ΛΌΓΟΣ", "ς τ", "ΘΕΟΎ ΛΌΓΟΣ", "µm"],
    "chinese": ["玻璃", "吞下玻璃而", "我"],
    "japanese": ["ガラス", "食べられます"],
    "arabic": ["الزجاج", "أكل الزجاج"],
    "thai": ["กระจก", "ไม่ทำให้"],
    "korean": ["유리를", "유리"],
    "hindi": ["काँच", "चोट नहीं"],
    "format": ["%(count)s", "<b>%(total)s</b>", "items of"],
}


@pytest.fixture(params=[*SEARCH_INDEXES, "opensearch"])
def make(request, tmp_path):
    """Builds the index under test, the same one each time; memory comes first."""
    if request.param == "memory":
        one = SEARCH_INDEXES["memory"](tmp_path)
        return lambda: one
    if request.param == "opensearch":
        server = request.getfixturevalue("opensearch")
        url, prefix = server.url, server.prefix()
        return lambda: opensearch_index(url, prefix)
    return lambda: SEARCH_INDEXES[request.param](tmp_path)


@pytest.fixture
async def index(make):
    """An open, empty index."""
    index = make()
    await index.open()
    yield index
    await index.close()


def asked(text: str, **more) -> SearchQuery:
    return SearchQuery(words=words_of(text), **more)


async def found(index, text: str, collection=TASKS, **more) -> list[str]:
    return [hit.key for hit in (await index.search(collection, asked(text, **more))).hits]


@pytest.fixture
async def scripts(index):
    await index.index(TASKS, [record(name, source_text="x", translated_text=text) for name, text in TEXTS.items()])
    return index


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WORDS.items() for text in texts])
async def test_words_are_found_in_any_script(scripts, name, text):
    assert await found(scripts, text) == [name]


@pytest.mark.parametrize("text", ["quick cat", "玻璃碎", "qick", "f%x", "f_x", "ju*ps", 'fox" OR "dog'])
async def test_what_lacks_a_word_is_not_found(scripts, text):
    assert await found(scripts, text) == []


async def test_a_text_of_each_searchable_field_is_looked_at(index):
    await index.index(TASKS, [record("a", source_text="alpha"), record("b", translated_text="alpha")])
    await index.index(TASKS, [record("c", error_message="alpha beta"), record("d", batch_id="alpha")])
    assert sorted(await found(index, "alpha")) == ["a", "b", "c"]
    await index.index(TASKS, [record("e", source_text="gamma", translated_text="delta")])
    assert await found(index, "delta gamma") == ["e"]
    await index.index(SESSIONS, [record("s", collection=SESSIONS, name="alpha")])
    assert await found(index, "alpha", SESSIONS) == ["s"]


async def test_the_newest_state_is_found(index):
    await index.index(TASKS, [record("a", source_text="former words")])
    await index.index(TASKS, [record("a", 1, 2, source_text="later words")])
    assert (await found(index, "former"), await found(index, "later")) == ([], ["a"])
    await index.index(TASKS, [record("a", source_text="former words")])  # late, and older
    assert (await found(index, "former"), await found(index, "later")) == ([], ["a"])
    await index.index(TASKS, [tombstone("a", 2, 3)])
    await index.index(TASKS, [record("a", 1, 2, source_text="later words")])
    assert await found(index, "later") == []
    await index.index(TASKS, [record("a", 3, 4, source_text="risen words")])
    assert await found(index, "words") == ["a"]


async def test_repeating_changes_nothing(index):
    batch = [record(f"t{i}", source_text=f"word{i} same") for i in range(1000)]
    for _ in range(3):
        await index.index(TASKS, batch)
    result = await index.search(TASKS, asked("same"))
    assert (result.total, result.total_exact, len(result.hits), result.more) == (1000, True, 20, True)
    assert await found(index, "word777") == ["t777"]


async def test_filters_hold_besides(index):
    await index.index(
        TASKS,
        [record("a", status="completed", source_text="one"), record("b", status="pending", source_text="one two")],
    )
    pending = And((Condition("status", Operator.EQ, ("pending",)),))
    assert await found(index, "one", filter=pending) == ["b"]
    unknown = And((Condition("colour", Operator.EQ, ("red",)),))
    with pytest.raises(InvalidParameter):
        await found(index, "one", filter=unknown)


ODD = [
    "",
    "a*b",
    "a?b",
    "A\\b",
    "ä",
    "Ä",
    "x%_",
    "\n",
    "玻璃",
    "😀",
    "[a.b](c)|~<1-3>^$",
    "z" * 999,
    "z" * 1000,
    "z" * 1001,
]
ODD += [f"{'y' * 40_000}end", f"{'y' * 40_000}*\\end"]
PARTS = [
    "",
    "a",
    "*",
    "?",
    "\\",
    "%",
    "b",
    "Ä",
    "\n",
    "璃",
    "end",
    "*\\e",
    "y" * 200,
    "yz" * 100,
    "玻" * 200,
    "*" * 200,
    "(c)|~<1-3>^",
    "z" * 5,
    "yyend",
]
TEXT = (Operator.EQ, Operator.NE)
RANGES = (Operator.PREFIX, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE)


def odd_filters():
    for text in ODD:
        yield from (Condition("source_text", operator, (text,)) for operator in TEXT)
        yield Condition("source_text", Operator.IN, (text, "a*b"))
        if len(text) < 1000:
            yield from (Condition("source_text", operator, (text,)) for operator in RANGES)
            yield Condition("source_text", Operator.BETWEEN, ("", text))
            yield from (Condition("batch_id", operator, (text[:64],)) for operator in (*TEXT, *RANGES))
    for part in PARTS:
        yield from (Condition(name, Operator.CONTAINS, (part,)) for name in ("source_text", "metadata", "batch_id"))
    yield from (Condition("error_message", Operator.ISNULL, (truth,)) for truth in (True, False))
    yield from (
        Condition("priority", operator, (number,)) for operator in RANGES[1:] for number in (-(2**31), 0, 2**31 - 1)
    )
    yield from (Condition("created_at", operator, (at(0.5),)) for operator in RANGES[1:])
    yield Condition("priority", Operator.NIN, (1, 2))
    yield Condition("status", Operator.IN, ())
    yield Or(())
    yield Not(And(()))
    yield Or((Condition("priority", Operator.EQ, (1,)), Not(Condition("batch_id", Operator.ISNULL, (True,)))))


async def test_filters_mean_the_same_everywhere(index):
    records = [
        record(
            f"t{i:02}",
            created=i / 10,
            source_text=text,
            translated_text="same",
            error_message=None if i % 3 else text[:1000],
            batch_id=None if i % 2 else text[:64] or None,
            priority=(i % 3) * (2**31 - 1) // 2,
            metadata=f'{{"a": "{text[:20]}"}}',
        )
        for i, text in enumerate(ODD)
    ]
    await index.index(TASKS, records)
    for where in odd_filters():
        expected = sorted(filter(matcher(TASKS, where), records), key=lambda each: each.key)
        assert sorted(await found(index, "same", filter=where, limit=100)) == [each.key for each in expected], where


@pytest.mark.parametrize("text", ["word", "wo", "word common"])
async def test_pages_neither_skip_nor_repeat(index, text):
    await index.index(TASKS, [record(f"t{i:03}", source_text="word common " * (1 + i % 3)) for i in range(57)])
    keys, after = [], None
    while True:
        result = await index.search(TASKS, asked(text, limit=10, after=after))
        keys += [hit.key for hit in result.hits]
        assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
        if not result.more:
            break
        query = asked(text, limit=10)
        after = decode_place(TASKS, query, encode_place(TASKS, query, result.hits[-1].place))
    assert sorted(keys) == [f"t{i:03}" for i in range(57)]
    assert result.total == 57


async def test_facets_count_all_hits(index):
    statuses = ["completed"] * 5 + ["pending"] * 2
    batch = [record(f"t{i}", status=status, source_text="word") for i, status in enumerate(statuses)]
    await index.index(TASKS, [*batch, record("other", source_text="else", batch_id="b")])
    result = await index.search(TASKS, asked("word", limit=1, facets=("status", "batch_id")))
    assert result.facets == {"status": {"completed": 5, "pending": 2}, "batch_id": {}}
    assert list(result.facets["status"]) == ["completed", "pending"]
    many = [record(f"m{i:03}", session_id=f"s{i:03}", source_text="many") for i in range(FACET_VALUES + 9)]
    await index.index(TASKS, many)
    result = await index.search(TASKS, asked("many", facets=("session_id",)))
    assert list(result.facets["session_id"]) == [f"s{i:03}" for i in range(FACET_VALUES)]


async def test_highlights_are_html_that_shows_the_words(make, index):
    if "Memory" in type(index).__name__:
        pytest.skip("memory shows no highlights")
    text = f"{'before ' * 50}<script>Alert</script> & more {'behind ' * 50}"
    await index.index(
        TASKS, [record("a", source_text=text, translated_text="nothing"), record("b", source_text="硝子")]
    )
    (hit,) = (await index.search(TASKS, asked("script alert", highlight=True))).hits
    shown = hit.highlights["source_text"]
    assert list(hit.highlights) == ["source_text"]
    assert "&lt;<mark>script</mark>&gt;<mark>Alert</mark>&lt;/<mark>script</mark>&gt; &amp;" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    plain = html.unescape(shown.replace("<mark>", "").replace("</mark>", "")).strip("…")
    assert plain in text
    (hit,) = (await index.search(TASKS, asked("硝子", highlight=True))).hits
    assert hit.highlights == {"source_text": "<mark>硝子</mark>"}


async def test_a_position_is_kept_until_the_collection_is_cleared(make, index):
    assert await index.position(TASKS, "7") is None
    await index.index(TASKS, [record("a", source_text="one")])
    assert await index.position(TASKS, "7") is None
    await index.index(TASKS, [], IndexPosition("7", 42))
    await index.index(SESSIONS, [], IndexPosition("7", 1))
    await index.close()
    again = make()
    await again.open()
    assert await again.position(TASKS, "7") == IndexPosition("7", 42)
    assert await found(again, "one") == ["a"]
    await again.clear(TASKS)
    assert (await again.position(TASKS, "7"), await found(again, "one")) == (None, [])
    assert await again.position(SESSIONS, "7") == IndexPosition("7", 1)
    await again.index(TASKS, [record("a", source_text="one")])
    assert await found(again, "one") == ["a"]
    await again.close()


async def test_searches_run_beside_writes(index):
    await index.index(TASKS, [])

    async def write():
        for i in range(30):
            await index.index(TASKS, [record(f"t{i}-{j}", source_text=f"word number {i}") for j in range(20)])

    async def read():
        totals = [(await index.search(TASKS, asked("word"))).total for _ in range(30)]
        assert totals == sorted(totals)

    await asyncio.gather(write(), *(read() for _ in range(4)))
    assert (await index.search(TASKS, asked("word"))).total == 600


async def test_no_more_is_counted_than_a_search_promises(index):
    for begin in range(0, EXACT_HITS + 1000, 1000):
        await index.index(TASKS, [record(f"t{i:05}", source_text="word") for i in range(begin, begin + 1000)])
    result = await index.search(TASKS, asked("word"))
    assert (result.total, result.total_exact) in [(EXACT_HITS, False), (EXACT_HITS + 1000, True)]


async def test_one_that_is_closed_says_that_it_is_away(make):
    index = make()
    if "Memory" in type(index).__name__:
        pytest.skip("memory has nothing that could be closed")
    with pytest.raises(BackendUnavailable):
        await index.search(TASKS, asked("word"))
    status = await index.health_check()
    assert not status.healthy


def test_every_searchable_collection_is_indexed():
    assert [each.name for each in BUILT_IN if each.searchable] == [SESSIONS.name, TASKS.name]


@pytest.mark.parametrize("text", ["", " ", "***", "?", "“…”", "-" * 500])
def test_a_search_without_a_letter_is_refused(text):
    with pytest.raises(InvalidParameter, match="no letter"):
        words_of(text)


def test_a_search_that_is_too_long_is_refused():
    with pytest.raises(InvalidParameter, match="10000 characters"):
        words_of("a" * 10_000)
    with pytest.raises(InvalidParameter, match="33 words"):
        words_of(" ".join(f"w{i}" for i in range(33)))
    with pytest.raises(InvalidParameter, match="NUL"):
        words_of("one\0two")
    assert words_of(" «Hello»,  (wörld)! hello hello ") == ("Hello", "wörld", "hello")


@pytest.mark.parametrize("text", ["", "x", "WyJhIiwgMSwgImIiXQ", "WyJhIixOYU4sImIiXQ", "é", "A" * 5000])
def test_a_cursor_of_no_search_is_refused(text):
    with pytest.raises(InvalidCursor):
        decode_place(TASKS, asked("word"), text)


def test_a_cursor_of_another_search_is_refused():
    cursor = encode_place(TASKS, asked("word"), Place(0.5, "t1"))
    assert decode_place(TASKS, asked("word"), cursor) == Place(0.5, "t1")
    for collection, text in ((TASKS, "other"), (SESSIONS, "word")):
        with pytest.raises(InvalidCursor):
            decode_place(collection, asked(text), cursor)
