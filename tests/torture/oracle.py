"""What the ledger is worth: services that are wrong in one place, each in a copy of the tree, must be noticed by it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import msgspec

from tests.e2e.service import REPOSITORY, environment
from tests.torture.trial import Result, Row, Trial

KILLS = 6
SECONDS = 300.0  # for one of them; a service may be so wrong that nothing ends
COPIED = ("domain", "ports", "adapters", "entrypoints", "sql", "tests/e2e", "tests/data")
FILES = ("tests/servers.py", "tests/containers.py", "ops/images.env")


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the tree, and what stands there instead."""

    name: str
    file: str
    text: str  # stands there once at least; the first place is changed
    instead: str


WRONGS = (
    Wrong(
        name="any version wins",
        file="adapters/sql/statements.py",
        text="for column in VERSION)) > Tuple(",
        instead="for column in VERSION)) != Tuple(",
    ),
    Wrong(
        name="created_at is the last one",
        file="adapters/sql/statements.py",
        text='CustomFunction(dialect.least, ["one", "other"])(stored.created_at, sent("created_at"))',
        instead='sent("created_at")',
    ),
    Wrong(
        name="pending records are not read",
        file="domain/services/query.py",
        text="pending = self._buffer.pending(collection, key)",
        instead="pending = None",
    ),
    Wrong(
        name="a replay shows nothing",
        file="domain/services/replay.py",
        text="self.view.add(frame, outline)",
        instead="self.view.conceal(frame)",
    ),
    Wrong(
        name="the watermark moves before the commit",
        file="domain/services/lane.py",
        text="            records, unstored = await self._stored(batch)\n",
        instead="            through = self.collection.name, self.partition, PRIMARY, batch.through\n"
        "            await self._parts.buffer.commit(*through)\n"
        "            await asyncio.sleep(0.05)\n"
        "            records, unstored = await self._stored(batch)\n",
    ),
    Wrong(
        name="a group is answered and not written",
        file="adapters/journal/writer.py",
        text="            write_all(self._files, active.handle, buffers, active.end)\n",
        instead="            if len(entries) == 1:\n"
        "                write_all(self._files, active.handle, buffers, active.end)\n",
    ),
    Wrong(
        name="deletes are dropped",
        file="domain/services/batches.py",
        text="    keys: list[Any] = [record.values[0] for record in records]",
        instead="    records = [record for record in records if record.deleted_at is None]\n"
        "    keys: list[Any] = [record.values[0] for record in records]",
    ),
)


async def run(trial: Trial) -> Result:
    """Kill each of them a few times, under load."""
    result, noticed = Result(), 0
    for number, wrong in enumerate(WRONGS[: trial.times]):
        said = await _told(trial, wrong, trial.folder / str(number))
        result.injected += 1
        if said:
            noticed += 1
        else:
            result.faults.append(f"{wrong.name}: not noticed")
        trial.say(f"{wrong.name}: {said or 'NOT NOTICED'}")
    result.note = f"{noticed} of {result.injected} noticed"
    return result


async def _told(trial: Trial, wrong: Wrong, folder: Path) -> str:
    """The last words of the kill loop over it, where they are of a loss; else nothing."""
    copy(folder, wrong)
    arguments = ("-m", "tests.e2e.kill_loop", "--kills", str(KILLS), "--seed", str(trial.seed))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said = (await process.communicate())[0].decode(errors="replace").strip()
    except TimeoutError:
        return "never ends"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.splitlines()[-1] if process.returncode == 1 and said else ""


def copy(folder: Path, wrong: Wrong) -> None:
    """The tree as far as a kill loop needs it, with the one place changed. Raises ValueError where it is not there."""
    for name in COPIED:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    file = folder / wrong.file
    source = file.read_text(encoding="utf-8")
    if wrong.text not in source:
        raise ValueError(f"{wrong.file} has no longer {wrong.text!r}")
    file.write_text(source.replace(wrong.text, wrong.instead, 1), encoding="utf-8")


ROWS = [
    Row(
        name="wrong-services",
        about="Services that are wrong in one place: each must be noticed by the ledger.",
        run=run,
        short=1,
        full=len(WRONGS),
        unit="copies",
    )
]
