"""Clients that write all the time, each on its own, and write down what they sent and what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from tests.e2e.api import KEYS, ROOT, Api, Json, Lost, NotSent, Reply
from tests.e2e.ledger import MARKERS, Action, Change, Ledger, Place, Verdict, digest_of
from tests.e2e.samples import STATUSES, Samples

_PAUSE = 0.05  # seconds before the next request after one that found no service
_OUTCOME_OPEN = (
    "flush_incomplete",  # the change is journaled; whether it holds is not decided yet
    "journal_unreachable",  # the shared buffer may have kept it
    "journal_failed",  # the disk has failed; what it has kept will show
)
_EXPECTED = (200, 202, 204, 404, 429, 503)


class Workload:
    """What the writers share: the ledger, and which keys are in whose hands."""

    def __init__(self, api: Api, ledger: Ledger, seed: int) -> None:
        self.faults: list[str] = []  # what an answer showed and cannot be right
        self.running = True
        self.open = asyncio.Event()  # whether the writers may write
        self._api = api
        self._ledger = ledger
        self._seed = seed
        self._samples = Samples()
        self._busy: set[Place] = set()
        self._written: dict[str, list[str]] = {envelope: [] for envelope in KEYS}  # keys that were acknowledged

    async def write_on(self, name: str) -> None:
        """One writer, until ``running`` ends."""
        random = Random(f"{self._seed} {name}")
        actions = (self._batch, self._batch, self._batch, self._sessions, self._patch, self._delete, self._look)
        while self.running:
            await self.open.wait()
            await random.choice(actions)(random)
            await asyncio.sleep(random.uniform(0, 0.03))

    async def burst(self, random: Random, *, requests: int = 4, size: int = 1500) -> None:
        """More than one flush takes, at once: a backlog is there when this returns."""
        await asyncio.gather(*(self._put("tasks", random, size) for _ in range(requests)))

    async def _batch(self, random: Random) -> None:
        await self._put("tasks", random, random.choice((1, 3, 20, 100, 300)))

    async def _sessions(self, random: Random) -> None:
        await self._put("sessions", random, random.choice((1, 5, 40)))

    async def _put(self, envelope: str, random: Random, size: int) -> None:
        """One batch of whole records: new keys and old ones, and sometimes a key twice."""
        with self._held(envelope, self._some_keys(envelope, random, size)) as keys:
            twice = keys[:1] if random.random() < 0.2 else []
            records = [self._samples.record(envelope, key, random) for key in [*keys, *twice]]
            changes = [self._samples.put(envelope, record) for record in records]
            reply = await self._send(self._api.post_batch(envelope, records), changes)
            if reply is not None and reply.status == 202:
                self._ledger.settled(changes, Verdict.ACKED, reply.body["receipt"])
                self._written[envelope] += keys
                self._check(reply.body["count"] == len(records), f"{reply.body} for {len(records)} records")

    async def _patch(self, random: Random) -> None:
        envelope = random.choice(("tasks", "tasks", "sessions"))
        with self._held(envelope, self._old_key(envelope, random)) as keys:
            for key in keys:
                change = self._samples.change(envelope, key, Action.PATCH)
                body = {MARKERS[envelope]: change.marker, "status": random.choice(STATUSES[envelope])}
                reply = await self._send(self._api.send("PATCH", f"{ROOT}/{envelope}/{key}", body=body), [change])
                if reply is not None and reply.status == 200:
                    self._ledger.settled([change], Verdict.ACKED)
                    change.digest = digest_of(envelope, reply.body)
                    self._judge(change.place, reply.body)

    async def _delete(self, random: Random) -> None:
        envelope = random.choice(("tasks", "tasks", "sessions"))
        with self._held(envelope, self._old_key(envelope, random)) as keys:
            for key in keys:
                change = self._samples.change(envelope, key, Action.DELETE)
                reply = await self._send(self._api.send("DELETE", f"{ROOT}/{envelope}/{key}"), [change])
                if reply is not None and reply.status == 204:
                    self._ledger.settled([change], Verdict.ACKED)

    async def _look(self, random: Random) -> None:
        """What was acknowledged is seen, flushed or not."""
        envelope = random.choice(("tasks", "tasks", "sessions"))
        with self._held(envelope, self._old_key(envelope, random)) as keys:
            for key in keys:
                try:
                    self._judge((envelope, key), await self._api.get(envelope, key))
                except Lost:
                    await asyncio.sleep(_PAUSE)

    async def _send(self, request: Coroutine[object, object, Reply], changes: Sequence[Change]) -> Reply | None:
        """The answer, with a refusal settled; None where none came."""
        self._ledger.sent(changes)
        try:
            reply = await request
        except NotSent:
            self._ledger.settled(changes, Verdict.REFUSED)
            await asyncio.sleep(_PAUSE)
            return None
        except Lost:
            self._ledger.broken(changes)
            await asyncio.sleep(_PAUSE)
            return None
        if reply.status == 404:
            self._ledger.settled(changes, Verdict.REFUSED)
            self._judge(changes[0].place, None)
        elif reply.status == 503 and reply.code in _OUTCOME_OPEN:
            self._ledger.broken(changes)
        elif reply.status in (429, 503):
            self._ledger.settled(changes, Verdict.REFUSED)
            await asyncio.sleep(_PAUSE)
        self._check(reply.status in _EXPECTED, f"{changes[0].action} of {changes[0].place}: {reply}")
        return reply

    def _judge(self, place: Place, record: Json) -> None:
        fault = self._ledger.fault(place, record)
        self._check(fault is None, f"{place[0]} {place[1]} {fault}")

    def _check(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.faults.append(sentence)

    def _some_keys(self, envelope: str, random: Random, size: int) -> list[str]:
        written = self._written[envelope]
        old = random.sample(written, min(len(written), size // 2))
        new = [f"{envelope[0]}-{random.getrandbits(64):016x}" for _ in range(size - len(old))]
        return random.sample([*old, *new], size)

    def _old_key(self, envelope: str, random: Random) -> list[str]:
        written = self._written[envelope]
        return [random.choice(written)] if written else []

    @contextmanager
    def _held(self, envelope: str, wanted: Sequence[str]) -> Iterator[list[str]]:
        """Those of the keys that are in nobody's hands; in ours for the while."""
        keys = [key for key in dict.fromkeys(wanted) if (envelope, key) not in self._busy]
        places = {(envelope, key) for key in keys}
        self._busy |= places
        try:
            yield keys
        finally:
            self._busy -= places
