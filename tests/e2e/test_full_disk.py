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
        self._ledger.settled(changes, Verdict.ACKED if reply.status == 202 else Verdict.REFUSED)
        return reply

    async def send_until_refused(self) -> Reply:
        for _ in range(200):
            reply = await self.send()
            if reply.status != 202:
                return reply
        raise AssertionError("the limit was never met")


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
