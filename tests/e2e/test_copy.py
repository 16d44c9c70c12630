"""``persistence copy``: broken off and repeated, and a collection that moves while clients write and read."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Api
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service, command, environment
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
TWO = """# written by a person
[backends.main]
type = "sqlite"
[backends.big]
type = "sqlite"
path = "{data_dir}/big.db"
"""

SERVER = """# written by a person
[backends.main]
type = "sqlite"
[backends.big]
type = "{}"
dsn = "{}"
pool_min = 2
"""


def persistence(service: Service, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=service.log.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


def killed_when(ready: Callable[[], bool], arguments: list[str], folder: Path) -> None:
    """Run a command and kill it as soon as ``ready`` holds."""
    running = subprocess.Popen(arguments, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not ready() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    running.kill()
    running.wait()


@pytest.fixture
def folder(service: Service) -> Path:
    folder = service.log.parent
    (folder / "persistence.toml").write_text(TWO)
    return folder


async def test_a_copy_that_is_killed_goes_on_where_it_was_and_ends_equal(service: Service, folder: Path) -> None:
    await service.start()
    files = [str(DATA / f"gettext-{kind}.ndjson.gz") for kind in ("sessions", "tasks")]
    assert persistence(service, "import", "--url", service.url, *files).returncode == 0
    assert await service.stop() == 0
    arguments = command("copy", "--from", "main", "--to", "big", "--collection", "translation_tasks", "--json")
    place = service.data_dir / "copies" / "main-big-translation_tasks.json"
    await asyncio.to_thread(killed_when, place.exists, arguments, folder)
    copied = json.loads(place.read_bytes())["records"] if place.exists() else 0

    again = persistence(service, "copy", "--from", "main", "--to", "big", "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["translation_tasks"]["source"] == found["translation_tasks"]["target"]
    assert found["translation_tasks"]["target"]["records"] == 4959
    if copied:
        assert f"going on behind {copied:,} records" in again.stderr
    assert not place.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--from", "main", "--to", "nowhere"), 78, "There is no [backends.nowhere]; configured are: main, big."),
        (("--from", "main", "--to", "main"), 2, "source and target are the same backend"),
        (("--from", "main", "--to", "big", "--collection", "x"), 2, "'x' is not one of"),
        (("--from", "main", "--to", "big", "--switch", "--url", "http://127.0.0.1:1"), 69, "cannot be reached"),
    ],
)
async def test_what_cannot_be_copied_is_said_in_a_sentence(
    service: Service, folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    assert persistence(service, "migrate").returncode == 0
    ended = persistence(service, "copy", *arguments)
    assert (ended.returncode, sentence in ended.stderr) == (code, True), ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("path", ["{data_dir}/slip.db", "{data_dir}/slip/main.db"])
async def test_a_source_that_is_not_there_is_not_copied_as_an_empty_one(
    service: Service, folder: Path, path: str
) -> None:
    service.data_dir.mkdir()
    (folder / "persistence.toml").write_text(f'{TWO}[backends.slip]\ntype = "sqlite"\npath = "{path}"\n')
    ended = persistence(service, "copy", "--from", "slip", "--to", "big")
    assert (ended.returncode, "There is nothing in slip to copy" in ended.stderr) == (78, True), ended.stderr
    assert list(service.data_dir.iterdir()) == []


async def test_a_target_in_a_folder_that_is_not_there_is_refused_by_its_path(service: Service, folder: Path) -> None:
    assert persistence(service, "migrate").returncode == 0
    (folder / "persistence.toml").write_text(f'{TWO}[backends.slip]\ntype = "sqlite"\npath = "{{data_dir}}/no/b.db"\n')
    ended = persistence(service, "copy", "--from", "main", "--to", "slip")
    assert (ended.returncode, f"there is no folder {service.data_dir / 'no'}." in ended.stderr) == (78, True), (
        ended.stderr
    )


@pytest.mark.parametrize("target", ["sqlite", "mariadb", "mysql", "postgres"])
async def test_collections_move_under_load_and_nothing_acknowledged_is_missing(
    service: Service, api: Api, folder: Path, target: str, request: pytest.FixtureRequest
) -> None:
    if target != "sqlite":
        database = request.getfixturevalue("databases")(target)
        (folder / "persistence.toml").write_text(SERVER.format(target, database.dsn))
        assert persistence(service, "migrate").returncode == 0
    with Ledger(folder / "ledger.ndjson") as ledger:
        workload = Workload(api, ledger, seed=7)
        await service.start()
        begun = time.monotonic()
        async with asyncio.TaskGroup() as writers:
            for number in range(8):
                writers.create_task(workload.write_on(f"writer {number}"))
            workload.open.set()
            await asyncio.sleep(2)
            arguments = ("copy", "--from", "main", "--to", "big", "--switch", "--url", service.url)
            ended = await asyncio.to_thread(persistence, service, *arguments)
            await asyncio.sleep(2)
            workload.running = False
        seconds = time.monotonic() - begun
        assert ended.returncode == 0, ended.stderr
        assert "keeps translation_sessions, translation_tasks, files, users, logs in big now" in ended.stderr
        routes = (await api.send("GET", "/api/v1/system/routes")).body["routes"]
        assert {route["backend"] for route in routes.values()} == {"big"}
        log = [json.loads(line) for line in service.log.read_text().splitlines()]
        served = [line["meta"] for line in log if line["message"] == "request_served"]
        print(f"{len(served) / seconds:.0f} requests/s")
        assert [each for each in served if each["status"] >= 500] == []
        await service.stop()
        await service.start()
        report = await audit(api, ledger, seed=7)
    assert (folder / "persistence.toml").read_text().startswith("# written by a person")
    assert ledger.count(Verdict.ACKED) > 100
    assert report.faults + workload.faults == []
    assert report.lost == 0


async def test_a_switch_that_is_killed_leaves_the_service_where_the_file_says(
    service: Service, api: Api, folder: Path
) -> None:
    await service.start()
    hold = await api.send("POST", "/api/v1/system/buffers/translation_tasks/hold?seconds=1")
    assert hold.status == 200
    body = {"task_id": "t", "session_id": "s", "status": "pending", "source_text": "x"}
    reply = await api.post_batch("tasks", [body | {"source_lang": "en", "target_lang": "de"}])
    assert reply.status == 202
    assert (await api.get("tasks", "t"))["task_id"] == "t"
    (folder / "persistence.toml").write_text(TWO + '[collections]\ntranslation_tasks.backend = "big"\n')
    late = await api.send("POST", f"/api/v1/system/buffers/translation_tasks/release?hold={'0' * 36}")
    assert (late.status, late.code) == (409, "conflict")
    await asyncio.sleep(1.5)

    await api.flush()
    routes = (await api.send("GET", "/api/v1/system/routes")).body["routes"]
    assert routes["translation_tasks"]["backend"] == "big"
    assert (await api.get("tasks", "t"))["task_id"] == "t"
    assert await service.stop() == 0
