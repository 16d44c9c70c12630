"""A package that brings the least of a backend: installed, served, and plain about what it cannot do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.examples import run
from tests.e2e.samples import real_records
from tests.e2e.service import REPOSITORY, Service

pytestmark = pytest.mark.slow

PACKAGE = REPOSITORY / "tests" / "data" / "tiny_backend"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("tiny")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", site]
    ended = run(*pip, "--no-index", "--no-deps", "--no-build-isolation", PACKAGE)
    assert ended.returncode == 0, ended.stderr
    return site


async def test_it_serves_and_says_which_ability_it_lacks(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "persistence.toml").write_text('[backends.main]\ntype = "tiny"\ngreeting = "hi"\n')
    service = Service(tmp_path, settings={"PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, installed)))})
    try:
        await service.start()
        async with Api(service.url) as api:
            tasks = real_records("tasks")[:50]
            assert (await api.post_batch("tasks", tasks)).status == 202
            await api.flush()
            assert await api.count("tasks") == 50
            assert (await api.get("tasks", tasks[0]["task_id"]))["source_text"] == tasks[0]["source_text"]
            routes = (await api.send("GET", "/api/v1/system/routes")).body["routes"]
            assert routes["translation_tasks"] == {"backend": "main", "abilities": []}
            change = await api.send("PATCH", f"{ROOT}/tasks/{tasks[0]['task_id']}", body={"priority": 3})
            assert (change.status, change.code) == (501, "ability_missing")
            assert "ConditionalWrites" in change.body["detail"]
        assert await service.stop() == 0
    finally:
        service.kill()


def test_it_keeps_the_contract_and_its_missing_abilities_are_skipped_by_name(installed: Path, tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "test_contract.py", tmp_path)
    shutil.copy(PACKAGE / "pyproject.toml", tmp_path)
    path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests" / "contract", installed)))
    ended = run(sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", folder=tmp_path, PYTHONPATH=path)

    assert ended.returncode == 0, ended.stdout
    for ability in ("ConditionalWrites", "Counting", "Scanning", "Dumping", "Migrating"):
        assert re.search(rf"SKIPPED \[\d+\].*TinyBackend lacks the ability {ability}", ended.stdout), ability
    assert int(re.search(r"(\d+) passed", ended.stdout)[1]) > 100
