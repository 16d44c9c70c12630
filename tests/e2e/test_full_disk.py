"""A disk that fills while the service runs, played by a limit on the size of its files."""

from __future__ import annotations

from random import Random

import pytest

from tests.e2e.api import Api, Reply
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.samples import Samples
from tests.e2e.service import Service

pytestmark = pytest.mark.slow

LIMIT = 1024 * 1024  # bytes of any file; less than a journal segment, more than the log of a test
UNLIMITED = -1


class Client:
    """Sends batches of tasks one after the other, with a ledger."""

    def __init__(self, api: Api, ledger: Ledger) -> None:
        self._api = api
        self._ledger = ledger
        self._samples = Samples()
        self._random = Random(3)

    async def send(self, size: int = 200) -> Reply:
        keys = [f"t-{self._random.getrandbits(40):010x}" for _ in range(size)]
        records = [self._samples.record("tasks", key, self._random) for key in keys]
        changes = [self._samples.put("tasks", record) for record in records]
        self._ledger.sent(changes)
        reply = await self._api.post_batch("tasks", records)
        if reply.status == 202:
            self._ledger.settled(changes, Verdict.ACKED, reply.body["receipt"])
        else:
            self._ledger.settled(changes, Verdict.REFUSED)
        return reply

    async def send_until_the_flush_fails(self) -> Reply:
        for _ in range(40):
            assert (await self.send(50)).status == 202
            flushed = await self._api.send("POST", "/api/v1/system/flush", params={"timeout": "1"})
            if flushed.status != 200:
                return flushed
        raise AssertionError("the limit was never met")

    async def send_until_refused(self) -> Reply:
        for _ in range(200):
            reply = await self.send()
            if reply.status != 202:
                return reply
        raise AssertionError("the limit was never met")


async def test_a_store_without_room_delays_records_and_makes_no_dead_letter_of_them(service: Service, api: Api) -> None:
    with Ledger(service.log.parent / "ledger.ndjson") as ledger:
        client = Client(api, ledger)
        await service.start()
        for _ in range(15):
            await client.send()
        assert await service.stop() == 0  # the next journal begins with an empty file, beside a large database
        assert (service.data_dir / "persistence.db").stat().st_size > LIMIT

        await service.start()
        assert (await client.send(1)).status == 202  # makes the journal's file, whole
        await api.flush()
        service.limit_files(LIMIT)
        flushed = await client.send_until_the_flush_fails()
        assert (flushed.status, flushed.code) == (503, "flush_incomplete")
        assert "50 records of translation_tasks" in flushed.body["detail"]
        assert (await client.send(50)).status == 202, "intake goes on while the store cannot"
        service.limit_files(UNLIMITED)
        report = await audit(api, ledger, seed=3)
    assert report.faults == []
    assert report.lost == 0


@pytest.mark.parametrize("restarted", [True, False], ids=["after a restart", "while it goes on"])
async def test_a_full_disk_is_answered_503_and_what_was_acknowledged_is_there_when_there_is_room(
    service: Service, api: Api, *, restarted: bool
) -> None:
    with Ledger(service.log.parent / "ledger.ndjson") as ledger:
        client = Client(api, ledger)
        await service.start()
        assert (await client.send()).status == 202
        service.limit_files(LIMIT)

        for _ in range(3):
            refusal = await client.send_until_refused()
            assert (refusal.status, refusal.code) == (503, "journal_full")
            assert int(refusal.headers["Retry-After"]) >= 1
        assert (await api.send("GET", "/health/live")).status == 200
        assert ledger.count(Verdict.ACKED) >= 200

        if restarted:
            service.kill()
            await service.start()
        service.limit_files(UNLIMITED)
        assert (await client.send()).status == 202
        report = await audit(api, ledger, seed=3)
    assert report.faults == []
    assert report.lost == 0
    assert report.records == ledger.count(Verdict.ACKED)
    assert await service.stop() == 0
