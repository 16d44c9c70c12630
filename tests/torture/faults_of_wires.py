"""Faults of the network between the service and its database."""

from __future__ import annotations

import asyncio

from tests.torture.scene import Fault, Scene

STORES = ("mariadb", "postgres")


class WireFault(Fault):
    """Something that a wire does for a while."""

    stores = STORES
    wired = True
    longest = 4.0  # seconds

    async def inject(self, scene: Scene) -> None:
        """Until it is mended."""
        assert scene.wire is not None
        self.spoil(scene)
        await asyncio.sleep(scene.random.uniform(0.5, self.longest))
        scene.wire.mend()

    def spoil(self, scene: Scene) -> None:
        """From now on."""
        raise AssertionError("a kind of fault says what it is")


class WireCut(WireFault):
    """Connections are reset in the middle of what is sent."""

    name = "wire-cut"
    short, full = 1, 50

    def spoil(self, scene: Scene) -> None:
        """After a few bytes or many."""
        scene.wire.cut(sent=scene.random.choice((0, 200, 3_000, 50_000)))  # type: ignore[union-attr]


class RepliesLost(WireFault):
    """The database executes a statement, and its reply never arrives."""

    name = "replies-lost"
    short, full = 2, 100

    def spoil(self, scene: Scene) -> None:
        """At once, or when a session has been set up and used."""
        scene.wire.cut(received=scene.random.choice((0, 1, 500, 2_000, 5_000)))  # type: ignore[union-attr]


class SlowWire(WireFault):
    """Every piece of what is sent and answered is late, by up to half a second."""

    name = "wire-slow"
    short, full = 1, 20
    longest = 10.0

    def spoil(self, scene: Scene) -> None:
        """By other delays each time."""
        scene.wire.slow(lambda: scene.random.uniform(0, 0.5))  # type: ignore[union-attr]


class BlackHole(WireFault):
    """Packets vanish both ways, and nobody is told."""

    name = "wire-black-hole"
    short, full = 1, 20
    longest = 45.0  # longer than the service waits for a statement

    def spoil(self, scene: Scene) -> None:
        """Also for those who connect."""
        scene.wire.block()  # type: ignore[union-attr]


ROWS = [row for fault in (WireCut(), RepliesLost(), SlowWire(), BlackHole()) for row in fault.rows()]
