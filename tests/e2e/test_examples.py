"""The examples for the command line do what they say, against the real service."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.api import KEYS, Api, Json
from tests.e2e.examples import EXAMPLES, Ended, example, locked_database, run
from tests.e2e.samples import slice_file
from tests.e2e.service import Service, command

pytestmark = pytest.mark.slow

with_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@with_curl
async def test_the_tour_can_be_walked_again_and_again(service: Service, api: Api) -> None:
    await service.start()
    for _ in range(2):
        walked = await example("tour.sh", service.url + "/")
        assert (walked.returncode, walked.stderr) == (0, ""), walked.stdout
        for shown in ('"ack":"journaled"', '"state":"', "\nETag: ", '"lease":null', '"pointer":"/tasks/0/status"'):
            assert shown in walked.stdout
    assert (await api.get("tasks", "tour-1"))["translated_text"] == "Hallo"
    assert await api.get("tasks", "tour-4") is None


@with_curl
async def test_an_answer_that_is_not_the_expected_one_ends_the_tour(service: Service, api: Api) -> None:
    await service.start()
    with locked_database(service):
        walked = await example("tour.sh", service.url)  # the change has to wait for the database
    assert walked.returncode == 1
    assert walked.stderr.startswith("The answer was 503, expected was 200.")


@with_curl
async def test_a_service_that_is_not_there_ends_the_tour(service: Service) -> None:
    walked = await example("tour.sh", service.url)
    assert walked.returncode == 1
    assert "curl: (7)" in walked.stderr


async def test_what_one_service_exports_another_imports(service: Service, api: Api, tmp_path: Path) -> None:
    await service.start()
    persistence(service, "import", *map(slice_file, KEYS))
    for kind in KEYS:
        persistence(service, "export", kind, "-o", tmp_path / f"{kind}.csv")
    before = {kind: [record async for record in api.everything(kind)] for kind in KEYS}
    await service.stop()
    shutil.rmtree(service.data_dir)

    await service.start()
    for kind in KEYS:
        assert import_csv(service, tmp_path / f"{kind}.csv").returncode == 0
    await api.flush()
    for kind in KEYS:
        after = [record async for record in api.everything(kind)]
        assert list(map(without_revision, after)) == list(map(without_revision, before[kind]))


async def test_a_refused_row_of_a_sheet_is_named_by_its_line_and_the_others_are_taken(
    service: Service, api: Api, tmp_path: Path
) -> None:
    await service.start()
    names = ["task_id", "session_id", "status", "source_text", "source_lang", "target_lang", "priority", "metadata"]
    rows = [
        names,
        ["t1", "s1", "pending", 'several\nlines,\r\nof "text"', "en", "de", "7", '{"page": 1}'],
        ["t2", "s1", "lost", "on line 5", "en", "de", "", ""],
        [],
        ["t3", "s1", "pending", "on line 7", "en", "de", "high", ""],
        ["t4", "s1", "pending", "on line 8", "en", "de", "", "{'page': 1}"],
        ["t5", "s1", "pending", "on line 9", "en", "de", "", "{}", "too many"],
        ["t6", "s1", "pending", "on line 10", "en", "de", "", '{"page": NaN}'],
        ["t7", "s1", "pending", "übrig", "en", "de"],
    ]
    file = tmp_path / "tasks.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as sheet:  # with the mark that a spreadsheet puts first
        csv.writer(sheet).writerows(rows)

    imported = import_csv(service, file)
    assert imported.returncode == 65
    assert imported.stdout.startswith("Acknowledged 2 records")
    refused = [line.partition(":")[2].partition(": ") for line in imported.stderr.splitlines()[1:]]
    assert [(line, re.split("`: | must| is not|: ", detail)[0].strip("`")) for line, _, detail in refused] == [
        ("5", "status"),
        ("7", "priority"),
        ("8", "metadata"),
        ("9", "column without a name"),
        ("10", "not a JSON object"),
    ]
    first = await api.get("tasks", "t1")
    assert (first["source_text"], first["priority"], first["metadata"]) == (rows[1][3], 7, {"page": 1})
    assert (await api.get("tasks", "t7"))["source_text"] == "übrig"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "nothing behind line 0 can be read: the first row must name the fields"),
        (b"name,text\na,b\n", "nothing behind line 1 can be read: the first row must name the fields"),
        (b"task_id,status,status\n", "the first row must name the fields, each once"),
        (b'task_id\nt1\n"t2\n', "nothing behind line 3 can be read: unexpected end of data"),
        (b"task_id\n\xff\xfe\n", "can be read: 'utf-8' codec can't decode byte"),
    ],
)
async def test_what_is_no_csv_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "tasks.csv"
    file.write_bytes(content)
    converted = await example("csv_to_ndjson.py", str(file))
    assert converted.returncode == 1
    assert converted.stderr.startswith(f"{file}: ")
    assert sentence in converted.stderr
    assert converted.stderr.count("\n") == 1


async def test_a_file_that_is_not_there_is_one_sentence() -> None:
    converted = await example("csv_to_ndjson.py", "/nowhere.csv")
    assert (converted.returncode, converted.stderr) == (1, "/nowhere.csv: No such file or directory\n")


def persistence(service: Service, *arguments: str | Path) -> None:
    ended = run(*command(*map(str, arguments), "--url", service.url))
    assert ended.returncode == 0, ended.stderr


def import_csv(service: Service, file: Path) -> Ended:
    """As the example's header says it."""
    importing = " ".join(command("import", "-", "--url", service.url))
    return run("sh", "-c", f"{EXAMPLES / 'csv_to_ndjson.py'} {file} | {importing}")


def without_revision(record: Json) -> Json:
    return {name: value for name, value in record.items() if name != "revision"}
