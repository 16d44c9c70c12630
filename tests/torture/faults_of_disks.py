"""Faults of the disk that the journal is on."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping

from tests.e2e.ledger import Verdict
from tests.torture.disk import SmallDisk
from tests.torture.scene import Fault, Scene
from tests.torture.trial import NotHere

FAILED_SYNC = 70
CANNOT_START = 78
_SEGMENT = 16 << 20  # bytes; the smallest that the configuration allows


class OnSmallDisk(Fault):
    """A fault of a small disk that has nothing but the journal."""

    settings: Mapping[str, str] = {"PERSISTENCE__JOURNAL__SEGMENT_BYTES": str(_SEGMENT)}

    def around(self, scene: Scene) -> SmallDisk:
        """Mount it where the journal will be."""
        self.disk = SmallDisk(scene.service.data_dir / "journal", 12 * _SEGMENT)
        return self.disk


class JournalFull(OnSmallDisk):
    """The journal's disk is full for a while: what cannot be kept is refused."""

    name = "journal-full"
    short, full = 2, 30

    async def inject(self, scene: Scene) -> None:
        """Fill it until the first refusal, and a little longer."""
        with self.disk.filled():
            refused = scene.ledger.count(Verdict.REFUSED)
            while scene.ledger.count(Verdict.REFUSED) == refused:
                await scene.workload.burst(scene.random, requests=8)
            await asyncio.sleep(scene.random.uniform(0.2, 1.0))


class JournalReadOnly(OnSmallDisk):
    """The journal's file system is read-only at a start: refused with a sentence, and nothing is changed."""

    name = "journal-read-only"
    short, full = 1, 10
    ends_process = True

    async def inject(self, scene: Scene) -> None:
        """Kill the service with something in its journal, start it in vain, and again."""
        scene.workload.open.clear()
        await scene.workload.burst(scene.random)
        scene.service.kill()
        with self.disk.read_only():
            scene.service.spawn()
            code = await asyncio.to_thread(scene.service.process.wait, 60)
            if code != CANNOT_START or "ead-only file system" not in scene.service.log_end():
                scene.result.faults.append(f"a start on a read-only journal ended with {code}")
        await scene.restart()


class SyncFails(Fault):
    """An fsync of the journal fails with EIO, and would succeed if it were tried again."""

    name = "journal-sync-fails"
    short, full = 2, 50
    ends_process = True

    async def inject(self, scene: Scene) -> None:
        """Once, on the live process: it must end with its own exit code, and acknowledge nothing more."""
        tracer = self._attach(scene)
        try:
            code = await asyncio.to_thread(scene.service.process.wait, 60)
        finally:
            tracer.terminate()
            said = tracer.communicate()[1]
        if code != FAILED_SYNC:
            scene.result.faults.append(f"the process ended with {code} after a failed fsync: {said.strip()}")
        await scene.restart()

    def _attach(self, scene: Scene) -> subprocess.Popen[str]:
        segments = (scene.service.data_dir / "journal").rglob("*.segment")
        paths = [word for path in segments for word in ("-P", str(path))]
        fault = ("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1")
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(scene.service.process.pid), *fault, *paths]
        try:
            tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError as error:
            raise NotHere("strace is not installed") from error
        return tracer


ROWS = [*JournalFull().rows(), *JournalReadOnly().rows(), *SyncFails().rows()]
