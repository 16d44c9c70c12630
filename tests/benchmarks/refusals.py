"""What a refused request costs the service, beside the cheapest one that it answers.

The processor's time of the whole process, which tells the same on a machine that others use too:

python -m tests.benchmarks.refusals --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from tests.benchmarks.doors import run
from tests.e2e.service import Service

REQUESTS, CONNECTIONS = 4000, 4
LIVE, TASKS = "/health/live", "/api/v1/translation/tasks"
SETTINGS = '[auth]\nmode = "keys"\n[quotas]\nkey_per_minute = 1\nanonymous_per_minute = 1\n'


async def measure(rounds: int, folder: Path) -> None:
    """Each kind of request in turn; print the medians, and what a refusal costs more than a good answer."""
    (folder / "persistence.toml").write_text(SETTINGS)
    key = run(folder, "keys", "create", "bench", "--scope", "read").strip()
    kinds = {"live": (LIVE, "", 200), "key": (TASKS, f"X-API-Key: {key}\r\n", 429), "stranger": (TASKS, "", 429)}
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    async with Service(folder) as service:
        for number in range(-1, rounds):
            for kind, (path, headers, status) in kinds.items():
                used = await _cost(service, path, headers, status, warm=number < 0)
                if number >= 0:  # the first round warms up, and uses the quotas up
                    seen[kind].append(used)
    print(f"| median of {rounds} | processor, ms a request | above `{LIVE}` |\n|---|---|---|")
    for kind, costs in seen.items():
        above = [cost - live for cost, live in zip(costs, seen["live"], strict=True)]
        print(f"| {kind} | {statistics.median(costs):.3f} | {statistics.median(above):.3f} |")


async def _cost(service: Service, path: str, headers: str, status: int, *, warm: bool) -> float:
    used = service.processor_seconds
    others = await asyncio.gather(*[_ask(service.port, path, headers, status) for _ in range(CONNECTIONS)])
    if not warm and sum(others) > 1:  # one a minute is let through
        raise SystemExit(f"{sum(others)} of {REQUESTS} answers of {path} were others than {status}.")
    return (service.processor_seconds - used) / REQUESTS * 1e3


async def _ask(port: int, path: str, headers: str, status: int) -> int:
    """How many answers were others."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
    others = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(REQUESTS // CONNECTIONS):
        if reader.at_eof():  # a stranger's connection is closed with the first refusal
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        others += not head.startswith(f"HTTP/1.1 {status} ".encode())
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        if b"Connection: close" in head:
            await reader.read()
    writer.close()
    return others


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refusals-") as folder:
        asyncio.run(measure(options.rounds, Path(folder)))


if __name__ == "__main__":
    main()
