"""Real texts are found by what is in them, in either index, through a kill -9 while they are indexed.

``PERSISTENCE_TASKS=FILE`` searches another set than the slice.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Api, Json
from tests.e2e.service import Service

pytestmark = pytest.mark.slow

TASKS = Path(os.environ.get("PERSISTENCE_TASKS", Path(__file__).parents[1] / "data" / "gettext-tasks.ndjson.gz"))
BATCH = 500
QUERIES = 200
AMONG = 10  # first hits
SHARE = 0.85  # of the queries whose task is among them
SHORTEST = 20  # characters of a text that queries are taken from
CAUGHT_UP_SECONDS = 1800
WITHOUT_BLANKS = {"CJK", "HIRAGANA", "KATAKANA", "THAI"}
TURNS = [("one", "first", ["first"]), ("two", "second", ["second"]), ("one", "third", ["first", "third"])]
SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese"}


@pytest.fixture(params=["sqlite", "opensearch"])
def searched(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that says where words are indexed."""
    own = {"PERSISTENCE__SEARCH__TYPE": request.param}
    return own | (
        request.getfixturevalue("opensearch").settings(QUERY_SECONDS="60") if request.param == "opensearch" else {}
    )


async def test_the_task_that_a_query_was_taken_from_is_among_the_first_hits(
    tmp_path: Path, searched: dict[str, str]
) -> None:
    with gzip.open(TASKS, "rt", encoding="utf-8") as lines:
        tasks = list(map(json.loads, lines))
    async with Service(tmp_path, settings=searched) as service, Api(service.url) as api:
        await send(api, tasks[: len(tasks) // 2])
        service.kill()
        await service.start()
        await send(api, tasks)
        await caught_up(api)

        asked, found = Counter[str](), Counter[str]()
        for script, key, text in queries(tasks, random.Random(7)):
            reply = await api.send("GET", "/api/v1/search", params={"q": text, "page_size": str(AMONG)})
            assert reply.status == 200, reply
            asked[script] += 1
            found[script] += key in [item["record"]["task_id"] for item in reply.body["items"]]
        print("\nscript      queries  among the first", AMONG)
        for script in sorted(asked):
            print(f"{script:<12}{asked[script]:>7}{found[script] / asked[script]:>10.1%}")
        print(f"{'all':<12}{asked.total():>7}{found.total() / asked.total():>10.1%}")
        assert asked.total() == QUERIES
        assert found.total() >= SHARE * QUERIES
        assert await service.stop() == 0


async def send(api: Api, tasks: list[Json]) -> None:
    for begin in range(0, len(tasks), BATCH):
        reply = await api.post_batch("tasks", tasks[begin : begin + BATCH])
        assert reply.status == 202, reply


async def caught_up(api: Api) -> None:
    await api.flush()
    async with asyncio.timeout(CAUGHT_UP_SECONDS):
        while True:
            search = (await api.send("GET", "/api/v1/system/health")).body["search"]
            if search["healthy"] and not any(feed["records"] for feed in search["collections"].values()):
                return
            await asyncio.sleep(0.2)


def queries(tasks: list[Json], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Script, task and a few words of its translation; as many of each script as there are, up to an equal share."""
    by_script = defaultdict(list)
    for task in tasks:
        text = task.get("translated_text") or ""
        if len(text) >= SHORTEST:
            by_script[script_of(text)].append((task["task_id"], text))
    for place in range(QUERIES):
        name = sorted(by_script)[place % len(by_script)]
        key, text = chance.choice(by_script[name])
        yield SCRIPTS.get(name, name.capitalize()), key, part_of(text, name, chance)


def script_of(text: str) -> str:
    """The word that most of a text's letters have in their Unicode names."""
    kinds = Counter(unicodedata.name(char, "? ").split()[0] for char in text if char.isalpha())
    if kinds["HIRAGANA"] + kinds["KATAKANA"]:
        return "HIRAGANA"
    return kinds.most_common(1)[0][0] if kinds else "?"


def part_of(text: str, script: str, chance: random.Random) -> str:
    """Three to six words, or as many characters as that is where there are no blanks."""
    whole = list(" ".join(text.split())) if script in WITHOUT_BLANKS else text.split()
    length = chance.randint(6, 12) if script in WITHOUT_BLANKS else chance.randint(3, 6)
    while True:
        begin = chance.randint(0, max(0, len(whole) - length))
        part = ("" if script in WITHOUT_BLANKS else " ").join(whole[begin : begin + length])
        if any(map(str.isalnum, part)):
            return part


async def test_a_route_that_turns_without_a_copy_has_the_new_backend_searched(
    tmp_path: Path, searched: dict[str, str]
) -> None:
    file = tmp_path / "persistence.toml"
    of = '[backends.{0}]\ntype = "sqlite"\npath = "{{data_dir}}/{0}.db"\n'
    backends = "".join(of.format(name) for name in ("one", "two", "three"))
    routed = f"{backends}[collections.translation_tasks]\n"
    text = {"session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de", "source_text": "a word"}

    async def found() -> list[str]:
        reply = await api.send("GET", "/api/v1/search", params={"q": "word", "consistency": "strong"})
        return [item["record"]["task_id"] for item in reply.body["items"]] if reply.status == 200 else [reply.code]

    async def until_found(*keys: str) -> None:
        async with asyncio.timeout(90):
            while sorted(await found()) != sorted(keys):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async with Service(tmp_path, settings=searched) as service, Api(service.url) as api:
        for backend, key, among in TURNS:
            file.write_text(f'{routed}backend = "{backend}"\n')
            assert (await api.send("POST", "/api/v1/system/reload")).status == 200
            await send(api, [{"task_id": key} | text])
            await until_found(*among)
        assert await service.stop() == 0
        file.write_text(f'{routed}backend = "three"\n')
        await service.start()
        await send(api, [{"task_id": "fourth"} | text])
        await until_found("fourth")
        assert await service.stop() == 0
