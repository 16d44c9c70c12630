"""What clients that behave feel of those that do not.

Latency beside 1,000 idle connections, slow heads, dripping bodies, bombs and requests that two readers would read
differently:

    python -m tests.benchmarks.hostile --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import multiprocessing
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.benchmarks import load
from tests.benchmarks.bodies import batches
from tests.e2e.service import Service

PATH = "/api/v1/translation/tasks/batch"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
IDLE, SLOW, DRIPPING = 1000, 50, 50
BOMBS_A_SECOND, SMUGGLED_A_SECOND = 5, 20
BOMB = gzip.compress(b" " * (30 * 1024 * 1024), 9)
SMUGGLED = (
    HEAD + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    HEAD + "Content-Length: 6\r\nContent-Length: 7\r\n\r\nabcdefg",
    HEAD + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    HEAD + "Content-Length: +5\r\n\r\nabcde",
    "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 20_000 + "\r\n\r\n",
)
CONNECTIONS, BATCHES = 4, 300
WARM = 60  # rounds until the service's caches are full: a process that has just started grows by good clients alone


def attack(port: int) -> None:
    """Everything at once, until this process is ended."""
    asyncio.run(_attack(port))


async def _attack(port: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(IDLE):
            group.create_task(_again(_idle, port))
            await asyncio.sleep(0.001)
        for _ in range(SLOW):
            group.create_task(_again(_slow_head, port))
        for _ in range(DRIPPING):
            group.create_task(_again(_dripping_body, port))
        for _ in range(BOMBS_A_SECOND):
            group.create_task(_again(_bomb, port))
        for _ in range(SMUGGLED_A_SECOND):
            group.create_task(_again(_smuggled, port))


async def _again(work: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(OSError):
                await work(reader, writer)
            writer.transport.abort()
        await asyncio.sleep(1.0)


async def _idle(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _slow_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    while not writer.transport.is_closing():
        writer.write(b"a")
        await asyncio.sleep(0.5)


async def _dripping_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD.encode() + b"Content-Length: 100000\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.1)


async def _bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD.encode() + f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n".encode() + BOMB)
    await reader.read(200)


_sent = 0


async def _smuggled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global _sent
    _sent += 1
    writer.write(SMUGGLED[_sent % len(SMUGGLED)].encode())
    await reader.read(200)


async def measure(rounds: int, folder: Path) -> None:
    """Rounds without and with the attack in turn; print both, the ratio, and what memory it took."""
    calm, beset = [], []
    async with Service(folder) as service:
        for number in range(WARM):
            await _round(service.port, f"w{number}")
        before = service.peak_kib()
        for number in range(rounds):
            calm.append(await _round(service.port, f"c{number}"))
            attacker = multiprocessing.Process(target=attack, args=(service.port,), daemon=True)
            attacker.start()
            await asyncio.sleep(4.0)  # until all of it is under way
            beset.append(await _round(service.port, f"b{number}"))
            attacker.kill()
            attacker.join()
        grown = (service.peak_kib() - before) / 1024
    print(f"| median of {rounds} | p50, ms | p99, ms |\n|---|---|---|")
    for name, rows in (("calm", calm), ("beset", beset)):
        print(f"| {name} | {statistics.median(r[0] for r in rows):.1f} | {statistics.median(r[1] for r in rows):.1f} |")
    ratios = [statistics.median(b[i] / c[i] for b, c in zip(beset, calm, strict=True)) for i in (0, 1)]
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    print(f"The service's memory grew by {grown:.1f} MiB at most.")


async def _round(port: int, prefix: str) -> tuple[float, float]:
    bodies = batches(BATCHES, prefix, 10)
    seen = await load.run(port, PATH, bodies, CONNECTIONS)
    if seen.refused:
        raise SystemExit(f"{seen.refused} requests of good clients were refused.")
    return seen.percentile(0.5), seen.percentile(0.99)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        asyncio.run(measure(options.rounds, Path(folder)))


if __name__ == "__main__":
    main()
