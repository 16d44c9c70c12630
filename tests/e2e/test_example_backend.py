"""The example of a backend in a package of its own: installed, served, killed, and held to the contract."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.examples import EXAMPLES, run, unfinished_work
from tests.e2e.service import REPOSITORY, Service, command

pytestmark = pytest.mark.slow

PACKAGE = EXAMPLES / "backend_package"


@pytest.fixture
def installed(site: Path, tmp_path: Path) -> dict[str, str]:
    """The environment and the configuration of a service that keeps its tasks in such a backend."""
    (tmp_path / "persistence.toml").write_text(
        '[backends.notes]\ntype = "jsonfile"\npath = "{data_dir}/notes/notes.json"\n'
        '[backends.main]\ntype = "sqlite"\n[collections.translation_tasks]\nbackend = "notes"\n'
    )
    return {"PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, site)))}


@pytest.fixture
def service(installed: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, settings=installed)
    yield service
    service.kill()


async def test_the_service_keeps_records_in_it_through_a_kill(service: Service, api: Api, tmp_path: Path) -> None:
    await service.start()
    tasks = await unfinished_work(api)
    some = next(iter(tasks))
    change = {"status": "completed", "translated_text": "ready"}
    assert (await api.send("PATCH", f"{ROOT}/tasks/{some}", body=change)).status == 200
    listed = await api.send("GET", f"{ROOT}/tasks", params={"translated_text": "ready"})
    assert [task["task_id"] for task in listed.body["items"]] == [some]
    before = [task async for task in api.everything("tasks")]

    service.kill()
    await service.start()
    assert [task async for task in api.everything("tasks")] == before
    session_id = tasks[some]["session_id"]
    restored = await api.send("POST", f"{ROOT}/recovery/restore/{session_id}")
    assert {task["task_id"] for task in restored.body["tasks"]} == {
        key for key, task in tasks.items() if task["session_id"] == session_id and key != some
    }
    assert (await api.send("DELETE", f"{ROOT}/tasks/{some}")).status == 204
    assert await service.stop() == 0
    stored = msgspec.json.decode((service.data_dir / "notes" / "notes.json").read_bytes())["tables"]
    assert len(stored["translation_tasks"]) == len(before)
    assert stored["translation_tasks"][some]["deleted_at"] is not None


def test_its_type_is_known_to_the_command_line(installed: dict[str, str], tmp_path: Path) -> None:
    shown = run(*command("config", "show"), folder=tmp_path, **installed)
    assert '[backends.notes]\ntype = "jsonfile"\npath = "{data_dir}/notes/notes.json"' in shown.stdout
    checked = run(*command("check", "--json"), folder=tmp_path, **installed, PERSISTENCE__SERVER__PORT="0")
    found = {each["what"]: each for each in msgspec.json.decode(checked.stdout)}
    file = tmp_path / "data" / "notes" / "notes.json"
    assert found["backend notes"]["verdict"] == "ok"
    assert found["backend notes"]["detail"] == f"{file}, 0 records"


def test_without_the_package_the_type_is_not_known(installed: dict[str, str], tmp_path: Path) -> None:
    refused = run(*command("serve", "--port", "0"), folder=tmp_path)
    assert refused.returncode == 78
    assert "backends.notes.type: 'jsonfile' is not installed here" in refused.stderr


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00" * 100,
        b'{"translation_tasks": {}}',
        b'{"tables": {"translation_tasks": {"a": 1}}, "conditional": {}}',
    ],
    ids=["empty", "zeros", "other", "odd"],
)
def test_a_damaged_file_stops_the_start_and_is_left_alone(
    installed: dict[str, str], tmp_path: Path, damage: bytes
) -> None:
    file = tmp_path / "data" / "notes" / "notes.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(damage)
    refused = run(*command("serve", "--port", "0"), folder=tmp_path, **installed)
    assert refused.returncode == 78, refused.stderr
    (line,) = refused.stderr.splitlines()
    assert f"{file} holds something else than records" in line
    assert file.read_bytes() == damage


async def test_a_folder_that_is_gone_is_an_outage_and_not_a_loss(service: Service, api: Api) -> None:
    await service.start()
    await unfinished_work(api)
    folder, away = service.data_dir / "notes", service.data_dir / "away"
    before = (folder / "notes.json").read_bytes()
    folder.rename(away)
    more = {"task_id": "more", "session_id": "s", "status": "pending", "source_text": "?"}
    assert (await api.post_batch("tasks", [more | {"source_lang": "en", "target_lang": "de"}])).status == 202
    flushed = await api.send("POST", "/api/v1/system/flush", params={"timeout": "1"})
    assert (flushed.status, flushed.code) == (503, "flush_incomplete")
    health = await api.send("GET", "/api/v1/system/health")
    assert health.body["status"] == "degraded"
    assert f"{folder} cannot be written" in str(health.body)
    assert [(file.name, file.read_bytes()) for file in away.iterdir()] == [("notes.json", before)]

    away.rename(folder)
    await api.flush()
    assert (await api.get("tasks", "more"))["source_text"] == "?"


def test_it_keeps_the_contract_of_storage_backends(site: Path, tmp_path: Path) -> None:
    for name in ("pyproject.toml", "test_contract.py"):
        shutil.copy(PACKAGE / name, tmp_path)
    path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests" / "contract", site)))
    tested = run(sys.executable, "-m", "pytest", "-q", "-W", "error", folder=tmp_path, PYTHONPATH=path)
    assert tested.returncode == 0, tested.stdout[-4000:]
    assert " passed" in tested.stdout
    assert "lacks the ability Scanning" not in tested.stdout
