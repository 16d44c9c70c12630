"""What the doors cost the main job: tasks with a key, quotas, TLS and an encrypted field, beside none of them.

The processor's time is the service's own, all threads together: it tells more than throughput where others use the
machine too.

python -m tests.benchmarks.doors --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from tests.authority import Authority
from tests.benchmarks import load
from tests.benchmarks.bodies import BATCH, tasks
from tests.e2e.service import Service, command, environment

PATH = "/api/v1/translation/tasks/batch"
CONNECTIONS, BATCHES = 4, 800
SETTINGS = {  # of each door, which [quotas] go with
    "tls": '[server]\ntls_certificate = "server.pem"\ntls_key = "key.pem"\n',
    "field": '[keyring]\nfile = "keys.toml"\n[collections.translation_tasks]\nencrypted = ["metadata"]\n',
    "key": '[auth]\nmode = "keys"\n',
}


class Round(msgspec.Struct, frozen=True):
    """What one side did in a round."""

    acknowledged: float  # records a second
    stored: float  # records a second, until all of them are
    processor: float  # microseconds a record


class Side:
    """One of the two services, and how it is spoken to."""

    def __init__(self, folder: Path, doors: Sequence[str]) -> None:
        folder.mkdir()
        self.tls: ssl.SSLContext | None = None
        self.headers: dict[str, str] = {}
        self._folder = folder
        (folder / "persistence.toml").write_text("".join(SETTINGS[door] for door in doors))
        for door in doors:
            getattr(self, f"_make_{door}")()
        self.service = Service(folder)

    def _make_tls(self) -> None:
        authority = Authority()
        for name, content in zip(("server.pem", "key.pem"), authority.signed("localhost"), strict=True):
            (self._folder / name).write_bytes(content)
            (self._folder / name).chmod(0o600)
        self.tls = ssl.create_default_context(cadata=authority.certificate.decode())

    def _make_field(self) -> None:
        run(self._folder, "keyring", "create", "keys.toml")

    def _make_key(self) -> None:
        key = run(self._folder, "keys", "create", "bench", "--scope", "write", "--scope", "admin").strip()
        self.headers = {"X-API-Key": key}

    async def round(self, bodies: list[bytes]) -> Round:
        """Send every body, and wait until all are stored."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        used, begun = self.service.processor_seconds, time.perf_counter()
        seen = await load.run(self.service.port, PATH, bodies, CONNECTIONS, headers=headers, tls=self.tls)
        if seen.refused:
            raise SystemExit(f"{seen.refused} batches were refused.")
        url = f"{'https' if self.tls else 'http'}://localhost:{self.service.port}/api/v1/system/flush"
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, headers=self.headers, ssl=self.tls or True) as done,
        ):
            if done.status != 200:
                raise SystemExit(f"The flush answered {done.status}.")
        records = len(bodies) * BATCH
        return Round(
            acknowledged=records / seen.seconds,
            stored=records / (time.perf_counter() - begun),
            processor=(self.service.processor_seconds - used) / records * 1e6,
        )


def run(folder: Path, *arguments: str) -> str:
    """What a command of the service prints."""
    ended = subprocess.run(
        command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stdout


def batches(run: str) -> list[bytes]:
    """Bodies of tasks that have something to encrypt."""
    lines = tasks(BATCHES * BATCH, run)
    note = {"customer": "a name that is nobody's business", "project": 7}
    noted = (msgspec.json.encode({**msgspec.json.decode(line), "metadata": note}) for line in lines)
    return [b'{"tasks":[' + b",".join(next(noted) for _ in range(BATCH)) + b"]}" for _ in range(BATCHES)]


async def measure(rounds: int, doors: Sequence[str], folder: Path) -> None:
    """Both sides in turn; print medians and the median of the rounds' ratios."""
    plain, guarded = Side(folder / "plain", ()), Side(folder / "guarded", doors)
    rows = []
    async with plain.service:
        guarded.service.spawn()
        try:
            await guarded_ready(guarded)
            if "field" in doors:
                await looked_through(guarded)
            for number in range(-1, rounds):
                row = [await side.round(batches(f"{number}")) for side in (plain, guarded)]
                if number >= 0:  # the first round warms up
                    rows.append(row)
        finally:
            guarded.service.kill()
    print(
        f"| median of {rounds} | acknowledged/s | stored/s | processor, us a record |\n|---|---|---|---|\n"
        + line("without", [without for without, _ in rows], "{:,.0f}")
        + line(", ".join(doors), [with_ for _, with_ in rows], "{:,.0f}")
        + line("ratio", [ratio(with_, without) for without, with_ in rows], "{:.2f}")
    )


def ratio(one: Round, other: Round) -> Round:
    """How one compares with the other."""
    return Round(*(a / b for a, b in zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)))


def line(name: str, rounds: Sequence[Round], form: str) -> str:
    """A line of the table: the median of each figure."""
    columns = zip(*map(msgspec.structs.astuple, rounds), strict=True)
    return f"| {name} | {' | '.join(form.format(statistics.median(column)) for column in columns)} |\n"


async def guarded_ready(side: Side) -> None:
    """Wait until the encrypted side answers."""
    async with aiohttp.ClientSession() as client:
        for _ in range(3000):
            try:
                url = f"{'https' if side.tls else 'http'}://localhost:{side.service.port}/health/ready"
                async with client.get(url, ssl=side.tls or True) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.02)
    raise SystemExit(side.service.log.read_text())


async def looked_through(side: Side) -> None:
    """Wait until the keyring has looked at what is stored, which it does once after a start."""
    url = f"{'https' if side.tls else 'http'}://localhost:{side.service.port}/api/v1/system/keyring"
    async with aiohttp.ClientSession(headers=side.headers) as client:
        for _ in range(300):
            async with client.get(url, ssl=side.tls or True) as answer:
                state = await answer.json()
            if state["finished"]:
                return
            await asyncio.sleep(0.1)
    raise SystemExit(f"The keyring has not ended its look: {state}.")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--doors", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doors-") as folder:
        asyncio.run(measure(options.rounds, options.doors, Path(folder)))


if __name__ == "__main__":
    main()
