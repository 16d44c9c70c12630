"""Real input through the command line: in over HTTP, through a kill, and out again, equal record by record."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from tests.e2e.api import KEYS, Api, Json
from tests.e2e.samples import STATUSES, real_records, slice_file
from tests.e2e.service import REPOSITORY, Service, command, environment
from tests.e2e.stores import on_every_store

pytestmark = pytest.mark.slow

DEFAULTS = {"sessions": {}, "tasks": {"batch_id": None, "error_message": None, "translated_text": None}}


@on_every_store
async def test_an_import_goes_on_through_kills_and_comes_back_equal(service: Service, api: Api, tmp_path: Path) -> None:
    await service.start()
    importing = await persistence(service, "import", *map(str, map(slice_file, KEYS)), "--batch-size", "8")
    for share in (0.1, 0.4):
        await until_taken(api, int(share * len(real_records("tasks"))))
        assert importing.returncode is None, "the import was over before the kill"
        service.kill()
        await service.start()
    output, errors = await importing.communicate()

    assert importing.returncode == 0, errors.decode()
    assert f"Acknowledged {sum(len(real_records(envelope)) for envelope in KEYS):,} records" in output.decode()
    await api.flush()
    for envelope in KEYS:
        assert await taken(api, envelope) == len(real_records(envelope)), "a record was taken twice"
        expected = Counter(record["status"] for record in real_records(envelope))
        assert {s: await api.count(envelope, status=s) for s in STATUSES[envelope]} == {
            status: expected[status] for status in STATUSES[envelope]
        }
        exported = await export(service, envelope, tmp_path / f"{envelope}.ndjson.gz")
        assert exported == {record[KEYS[envelope]]: comparable(envelope, record) for record in real_records(envelope)}


async def test_an_import_that_finds_no_service_names_what_was_not_acknowledged(service: Service) -> None:
    file = slice_file("sessions")
    importing = await persistence(service, "import", str(file), "--patience", "0.5")
    output, errors = await importing.communicate()
    assert importing.returncode == 1
    assert "Acknowledged 0 records" in output.decode()
    assert f"{file}: " in errors.decode()
    assert "Not acknowledged" in errors.decode()
    assert "Traceback" not in errors.decode()


async def persistence(service: Service, *arguments: str) -> asyncio.subprocess.Process:
    """The command line, talking to the service."""
    return await asyncio.create_subprocess_exec(
        *command(*arguments, "--url", service.url),
        cwd=REPOSITORY,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def until_taken(api: Api, count: int) -> None:
    """Wait until so many tasks are acknowledged, stored or not."""
    async with asyncio.timeout(60):
        while await taken(api, "tasks") < count:
            pass


async def taken(api: Api, envelope: str) -> int:
    """How many records of a kind were ever appended to the log."""
    reply = await api.send("GET", "/api/v1/system/buffers")
    return int(reply.body["buffers"][f"translation_{envelope}"]["head"])


async def export(service: Service, envelope: str, file: Path) -> dict[str, Json]:
    """What ``persistence export`` writes, by key."""
    exporting = await persistence(service, "export", envelope, "--output", str(file))
    _, errors = await exporting.communicate()
    assert exporting.returncode == 0, errors.decode()
    with gzip.open(file, "rb") as lines:
        records = [msgspec.json.decode(line) for line in lines]
    by_key = {record[KEYS[envelope]]: comparable(envelope, record) for record in records}
    assert len(by_key) == len(records)
    return by_key


def comparable(envelope: str, record: Json) -> Json:
    """Times as instants, metadata with the order of its keys, absent fields at their defaults."""
    times = {name: datetime.fromisoformat(record[name]) for name in ("created_at", "updated_at")}
    return DEFAULTS[envelope] | record | times | {"metadata": msgspec.json.encode(record["metadata"])}
