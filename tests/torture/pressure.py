"""More comes in than goes out: a long outage, an overload, and a start with a full buffer. The rows count minutes."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles

import aiohttp
import msgspec

from tests.e2e.api import Api
from tests.e2e.service import Service
from tests.torture.faults_of_databases import OnServer
from tests.torture.faults_of_service import HELD
from tests.torture.scene import Scene, under_load
from tests.torture.trial import Result, Row, Trial

MIB = 1024 * 1024
BODIES = 64 * MIB  # that the door holds at most
GREEDY = 12  # connections that send as fast as they are answered
REFUSED = (429, 503)
_TEXT = "The quick brown fox jumps over the lazy dog. " * 7


class Outage(OnServer):
    """The database is gone for minutes."""

    name = "outage"
    short, full = 1, 1

    def __init__(self, seconds: float, *, fits: bool) -> None:
        self.seconds = seconds
        self.fits = fits
        self.burst = {"requests": 1, "size": 100} if fits else {"requests": 4, "size": 1500}
        self.settings = {} if fits else {"PERSISTENCE__BUFFER__MAX_BYTES": str(4 * MIB)}

    async def inject(self, scene: Scene) -> None:
        """Kill it, wait, start it; then see how soon the backlog falls."""
        assert scene.server is not None
        await asyncio.to_thread(scene.server.kill)
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            await scene.workload.burst(scene.random, **self.burst)  # the writers get stuck in reading
            await asyncio.sleep(min(1.0, self.seconds))
        refused = await _turned_away(scene.api)
        backlog = (await scene.counted())["buffer_size"]
        await asyncio.to_thread(scene.server.start)
        resumed = full_rate(await self._drained(scene))
        scene.result.note = f"{backlog:.0f} waited, {refused:.0f} refused, full rate after {resumed:.1f} s"
        if resumed > 10:
            scene.result.slow.append(f"the drain had its full rate {resumed:.1f} s after the database's return")
        if bool(refused) == self.fits:
            scene.result.faults.append(f"{refused:.0f} requests were refused")

    @staticmethod
    async def _drained(scene: Scene) -> list[tuple[float, float]]:
        """Seconds behind the return, and the records that have been stored since; until next to nothing waits."""
        begun, first = time.monotonic(), stored(await scene.counted())
        seen = [(0.0, 0.0)]
        while (now := await scene.counted())["buffer_size"] > 1000 and seen[-1][0] < 120:
            seen.append((time.monotonic() - begun, stored(now) - first))
            await asyncio.sleep(0.2)
        return seen


def stored(counted: Mapping[str, float]) -> float:
    """Records that this process has seen applied."""
    return counted.get("sessions_total", 0.0) + counted.get("tasks_total", 0.0)


def full_rate(seen: Sequence[tuple[float, float]]) -> float:
    """When a drain first stored, over a second, at four fifths of the rate that it had at its best second."""
    rates = []
    for place, (moment, stored) in enumerate(seen):
        later = [(at, total) for at, total in seen[place:] if at >= moment + 1.0]
        if later:
            rates.append((moment, (later[0][1] - stored) / (later[0][0] - moment)))
    best = max((rate for _, rate in rates), default=0.0)
    return next((moment for moment, rate in rates if rate >= 0.8 * best), 0.0)


async def _turned_away(api: Api) -> float:
    """Requests that the buffer had no room for; reads that need the database are another matter."""
    found = re.findall(r'requests_refused_total{cause="(?:slow_down|buffer_full)"} (\S+)', await api.page("/metrics"))
    return sum(map(float, found))


async def outage(trial: Trial, store: str, *, fits: bool) -> Result:
    """Under six writers."""
    once = msgspec.structs.replace(trial, amount=1)
    return await under_load(once, Outage(trial.seconds, fits=fits), store)


@dataclass
class Load:
    """Clients from several addresses that send batches, and what they are answered."""

    url: str
    statuses: dict[str, Counter[int]] = field(default_factory=dict)  # by address
    seconds: list[float] = field(default_factory=list)  # of each answer
    faults: list[str] = field(default_factory=list)
    running: bool = True
    _numbers: count[int] = field(default_factory=count)

    async def send_on(self, address: str, size: int, pause: float) -> None:
        """One connection; ``pause``: seconds between an answer and the next request."""
        told = self.statuses.setdefault(address, Counter())
        connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=1)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
            while self.running:
                begun = time.monotonic()
                status = await self._send(session, size)
                self.seconds.append(time.monotonic() - begun)
                told[status] += 1
                await asyncio.sleep(0.1 if status in REFUSED else pause)

    async def _send(self, session: aiohttp.ClientSession, size: int) -> int:
        async with session.post(
            f"{self.url}/api/v1/translation/tasks/batch", data=batch(size, self._numbers), headers=JSON
        ) as response:
            answer = await response.read()
            if response.status not in (202, *REFUSED):
                self.faults.append(f"{response.status}: {answer[:200]!r}")
            if response.status in REFUSED and "Retry-After" not in response.headers:
                self.faults.append(f"{response.status} without Retry-After")
            return response.status

    def acknowledged(self, size: int, address: str) -> int:
        """Records that one address was answered 202 for."""
        return self.statuses[address][202] * size


OF_ANY_LOAD = 16 * MIB  # that a process takes for its first work, however little of it there is
JSON = {"Content-Type": "application/json"}


def batch(size: int, numbers: count[int]) -> bytes:
    """So many new tasks of about 460 bytes."""
    record = (
        '{"task_id":"t%d","session_id":"s","status":"pending","source_lang":"en","target_lang":"de","source_text":"%s"}'
    )
    return ('{"tasks":[' + ",".join(record % (next(numbers), _TEXT) for _ in range(size)) + "]}").encode()


def resident(*pids: int) -> int:
    """Bytes of memory that processes have, together."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    return total


async def overload(trial: Trial) -> Result:
    """A greedy client sends all it can, a modest one a little; then the greedy one leaves."""
    bound = 32 * MIB
    service = Service(trial.folder, settings={"PERSISTENCE__BUFFER__MAX_BYTES": str(bound)})
    async with service, Api(service.url) as api:
        result = Result(injected=1)
        idle = resident(service.process.pid)
        before = Load(service.url)
        await _for(3.0, before, [before.send_on("127.0.0.3", 20, 0.1)])
        load = Load(service.url)
        senders = [load.send_on("127.0.0.2", 1000, 0.0) for _ in range(GREEDY)]
        most = await _for(trial.seconds, load, [*senders, load.send_on("127.0.0.3", 20, 0.1)], service)
        settled = await _settled(service, p99(before.seconds))
        await api.flush()
        result.acknowledged = load.acknowledged(1000, "127.0.0.2") + load.acknowledged(20, "127.0.0.3")
        stored = await api.count("tasks")
        result.lost = max(0, result.acknowledged - stored)
        result.recovery = [settled]
        _judge_overload(result, load, most - idle, bound + BODIES, await service.stop())
        return result


def _judge_overload(result: Result, load: Load, grown: int, cap: int, code: int) -> None:
    greedy, modest = load.statuses["127.0.0.2"], load.statuses["127.0.0.3"]
    result.faults += load.faults
    times = greedy.total() / max(1, greedy[202])
    if times < 3:
        result.slow.append(f"{times:.1f} times what was taken was offered: this was no overload")
    if sum(modest[status] for status in REFUSED) > modest.total() * 0.01:
        result.faults.append(f"the modest client was refused, too: {dict(modest)}")
    if grown > cap * 1.2:
        result.faults.append(f"memory grew by {grown // MIB} MiB, {cap // MIB} are configured")
    if max(load.seconds) > 1:
        late = sum(seconds > 1 for seconds in load.seconds)
        result.slow.append(f"{late} of {len(load.seconds)} answers took longer than 1 s, up to {max(load.seconds):.2f}")
    if result.recovery[0] > 30:
        result.slow.append("latency is not back 30 s after the overload")
    if code != 0:
        result.faults.append(f"the service ended with {code}")
    result.note = (
        f"{times:.1f} times what was taken was offered: greedy {dict(greedy)}, modest {dict(modest)}, "
        f"answers p99 {p99(load.seconds):.3f} s, "
        f"longest {max(load.seconds):.3f} s, memory +{grown // MIB} of {cap // MIB} MiB"
    )


async def _for(seconds: float, load: Load, senders: Sequence[object], service: Service | None = None) -> int:
    """Let the senders send; returns the most memory that the service had."""
    most, end = 0, time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender)  # type: ignore[arg-type]
        while time.monotonic() < end:
            most = max(most, resident(service.process.pid, *service.children())) if service else 0
            await asyncio.sleep(0.2)
        load.running = False
    return most


async def _settled(service: Service, baseline: float) -> float:
    """Seconds after which a modest client is answered about as fast as before."""
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        after = Load(service.url)
        await _for(2.0, after, [after.send_on("127.0.0.3", 20, 0.1)])
        if p99(after.seconds) < max(2 * baseline, 0.02):
            break
    return max(0.0, time.monotonic() - begun - 2.0)


def p99(seconds: Sequence[float]) -> float:
    """The time that 99 of 100 stay below."""
    return quantiles(seconds, n=100)[-1] if len(seconds) > 1 else sum(seconds)


async def full_restart(trial: Trial) -> Result:
    """Fill the buffer while nothing is stored, kill the process, and time the next start."""
    bound = round(trial.amount * MIB)
    settings: Mapping[str, str] = {
        "PERSISTENCE__BUFFER__MAX_BYTES": str(bound),
        "PERSISTENCE__BUFFER__SOFT_SHARE": "1.0",
    }
    service = Service(trial.folder, program=HELD, settings=settings)
    (trial.folder / "hold").touch()
    async with Api(service.url) as api, AsyncExitStack() as stack:
        stack.callback(service.kill)
        empty = await service.start()  # what a start costs on this machine anyway
        idle = resident(service.process.pid)
        load, numbers, first = Load(service.url), count(), batch(1, count())
        async with aiohttp.ClientSession() as session:
            url = f"{service.url}/api/v1/translation/tasks/batch"
            while (status := await _post(session, url, batch(1000, numbers))) == 202:
                load.statuses.setdefault("", Counter())[status] += 1
            begun = time.monotonic()
            opened = await service.start()
            assert await api.get("tasks", "t0")
            read = time.monotonic() - begun
            grown = resident(service.process.pid) - idle
            assert await _post(session, url, first) in (202, 503)
        (trial.folder / "hold").unlink()
        await service.stop()
        await service.start()
        await api.flush()
        result = Result(injected=1, acknowledged=load.statuses[""][202] * 1000, recovery=[read])
        result.lost = result.acknowledged - await api.count("tasks")
        ready = f"ready after {opened:.2f} s ({empty:.2f} when empty)"
        result.note = f"{ready}, read by key after {read:.2f} s, memory +{grown // MIB} MiB"
        if opened > empty + 2 or read > 10:
            result.slow.append(f"too slow: {result.note}")
        if grown > max(bound * 1.2, bound + OF_ANY_LOAD):
            result.faults.append(f"too large: {result.note}")
        return result


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> int:
    async with session.post(url, data=body, headers=JSON) as response:
        await response.read()
        return response.status


ROWS = [
    *(
        Row(
            name=f"outage{'' if fits else '-overflowing'}-{store}",
            about=f"the database is gone for minutes, under a load that {'fits' if fits else 'overflows'} the buffer",
            run=partial(outage, store=store, fits=fits),
            short=0.2,
            full=10,
            unit="minutes",
        )
        for store in ("mariadb", "postgres")
        for fits in (True, False)
    ),
    Row(
        name="overload",
        about="a greedy client sends more than is stored, a modest one goes on beside it",
        run=overload,
        short=0.2,
        full=5,
        unit="minutes",
    ),
    Row(
        name="full-restart",
        about="the process is killed with a full buffer and started again",
        run=full_restart,
        short=32,
        full=256,
        unit="MiB",
    ),
]
