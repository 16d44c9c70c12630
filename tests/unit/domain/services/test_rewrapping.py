"""Encrypting anew in the background: all of it, and no write of a client is lost by it."""

import asyncio
import os
from itertools import count
from types import SimpleNamespace

import msgspec
import pytest

from adapters.keyring.aes import AesKeyring
from adapters.keyring.keys import Keys
from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable, RecordRefused
from domain.model.observations import DecryptionRefused, RecordsRewrapped, RewrapFailed
from domain.model.sealed import is_sealed, parsed
from domain.model.translation import TASKS
from domain.model.users import USERS
from domain.services.ending import ended
from domain.services.rewrapping import Pass, Rewrapping
from domain.services.sealing import PLAIN, Sealing
from tests.unit.domain.services.house import House, Minimal, task

KEYS = Keys(active="k1", keys={"k1": os.urandom(32), "k2": os.urandom(32)}, index=os.urandom(32))
FIELDS = {"translation_tasks": ["source_text", "error_message"], "users": ["email"]}


class Rewrapped(House):
    """A house with keys, and tasks from before it had any."""

    def __init__(self, *, plain=(), fields=FIELDS, backend=None):
        self.keyring = AesKeyring(KEYS)
        super().__init__(backend or MemoryBackend(), sealing=Sealing(fields, self.keyring))
        self.sealing._observer = self.seen.append
        self.copied = False
        self.rewrapping = Rewrapping(
            self.registry,
            self.sealing,
            self.query.settle,
            lambda _: self.copied,
            self.seen.append,
            self.clock,
            letters=self.dead_letters,
            rate=1e9,
            first_seconds=0,
            again_seconds=0.01,
        )
        self.plain = plain

    async def begun(self):
        former = House(self.backend)
        former.clock.moment = self.clock.moment.replace(hour=10)
        async with former.running():
            await former.post(*self.plain)
            await former.settled()

    async def stored(self, key, field="source_text", collection=TASKS):
        record = await self.backend.read(collection, key)
        return record.values[collection.positions[field]]

    async def shown(self, key, field="source_text", collection=TASKS):
        return (await self.query.get(collection, key)).values[collection.positions[field]]

    def turn(self, active):
        self.keyring.turn_to(msgspec.structs.replace(KEYS, active=active))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it is another task's doing
            await asyncio.sleep(0.01)


async def test_what_was_written_before_is_encrypted_and_keeps_its_version():
    house = Rewrapped(plain=[task(f"t{n:03}", source_text=f"text {n}") for n in range(250)])
    await house.begun()
    async with house.running():
        before = await house.query.get(TASKS, "t007")
        found = await house.rewrapping.sweep(TASKS)
        assert (found.records, found.rewritten, found.values[PLAIN], found.is_clean) == (250, 250, 250, False)
        assert is_sealed(await house.stored("t007"))
        after = await house.query.get(TASKS, "t007")
        assert (after, after.tag) == (before, before.tag)
        begun = house.clock.now()
        again = await house.rewrapping.sweep(TASKS)
        assert (again.rewritten, dict(again.values), again.is_clean) == (0, {"k1": 250}, True)
        looked = house.rewrapping.state().collections
        assert begun < looked["translation_tasks"].finished_at < house.clock.now()
        assert looked["users"].finished_at is None


async def test_what_is_under_another_key_comes_under_the_active_one():
    house = Rewrapped()
    async with house.running():
        await house.post(task("a"), task("b", error_message="no"), task("c"))
        await house.changes.delete(TASKS, "c")
        await house.settled()
        house.turn("k2")
        found = await house.rewrapping.sweep(TASKS)
        assert (found.rewritten, dict(found.values)) == (2, {"k1": 3})
        assert parsed(await house.stored("b", "error_message")).key_id == "k2"
        assert await house.shown("b", "error_message") == "no"
        assert dict((await house.rewrapping.sweep(TASKS)).values) == {"k2": 3}


async def test_a_write_that_comes_meanwhile_stays():
    house = Rewrapped(plain=[task("a", source_text="old"), task("b", source_text="old")])
    await house.begun()
    async with house.running():
        rewrite = house.backend.rewrite

        async def late(collection, records):
            await house.post(task("a", source_text="newer"))
            await house.changes.delete(TASKS, "b")
            await house.settled()
            return await rewrite(collection, records)

        house.backend.rewrite = late
        found = await house.rewrapping.sweep(TASKS)
        assert found.rewritten == 0
        assert await house.shown("a") == "newer"
        assert await house.query.visible(TASKS, "b") is None


async def test_a_look_leaves_nine_tenths_of_the_time_to_others(monkeypatch):
    house, rests = Rewrapped(), []
    async with house.running():
        await house.post(*(task(f"t{n:03}") for n in range(250)))
        await house.settled()
        monkeypatch.setattr(house.clock, "monotonic", count(step=0.5).__next__)
        with monkeypatch.context() as watched:
            watched.setattr(asyncio, "sleep", lambda seconds: rested(rests, seconds))
            found = await house.rewrapping.sweep(TASKS)
    assert found.records == 250
    assert rests[-3:] == [4.5] * 3


async def rested(rests, seconds):
    rests.append(seconds)


async def test_addresses_of_before_get_their_blind_and_are_still_nobody_elses():
    house = Rewrapped()
    former = House(house.backend)
    former.clock.moment = house.clock.moment.replace(hour=10)
    async with former.running():
        await former.changes.create(USERS, b'{"user_id": "old", "email": "Ann@example.org"}', "x")
    async with house.running():
        assert USERS.name in house.sealing.former
        assert (await house.rewrapping.sweep(USERS)).rewritten == 1
        assert (await house.stored("old", "email_normalized", USERS)).startswith("enc1.")
        assert USERS.name in house.sealing.former
        assert (await house.rewrapping.sweep(USERS)).is_clean
        assert USERS.name not in house.sealing.former
        results = await house.changes.replace_many(USERS, b'[{"user_id": "u", "email": "ANN@example.org"}]')
        assert results[0].problem.code == "value_taken"


async def test_fields_that_are_encrypted_no_more_are_decrypted():
    house = Rewrapped()
    async with house.running():
        await house.post(task("a", source_text="Hello"))
        await house.settled()
        house.sealing._encrypted = {}
        assert (await house.rewrapping.sweep(TASKS)).rewritten == 1
        assert await house.stored("a") == "Hello"


async def test_what_cannot_be_read_is_counted_and_left():
    house = Rewrapped()
    async with house.running():
        await house.post(task("a"), task("b"))
        await house.settled()
        text = await house.stored("a")
        house.keyring.turn_to(Keys(active="k3", keys={"k3": os.urandom(32)}, index=KEYS.index))
        found = await house.rewrapping.sweep(TASKS)
        assert (found.unreadable, found.rewritten, dict(found.values)) == (2, 0, {"k1": 2})
        assert house.rewrapping.values_under("k1") == {
            **dict.fromkeys((c.name for c in house.collections if c.sealable), 0),
            "translation_tasks": 2,
            "dead_letters": 0,
        }
        assert await house.stored("a") == text
        assert house.observed(DecryptionRefused) == []
        await house.rewrapping._judged(TASKS)
        (told,) = house.observed(RewrapFailed)
        assert told.error == "decryption_failed"
        assert told.detail.startswith("2 of 2 translation_tasks are unreadable: the keyring lacks 'k1', under which")


async def test_one_that_is_refused_holds_up_no_other():
    house = Rewrapped(plain=[task(f"t{n}") for n in range(5)])
    await house.begun()
    async with house.running():
        rewrite = house.backend.rewrite

        async def refuse(collection, records):
            if any(record.key == "t3" for record in records):
                raise RecordRefused("somebody has it", taken=True)
            return await rewrite(collection, records)

        house.backend.rewrite = refuse
        found = await house.rewrapping.sweep(TASKS)
        assert (found.rewritten, found.finished, found.is_clean) == (4, True, False)
        assert "task 't3': somebody has it" in found.trouble
        assert len(house.observed(RewrapFailed)) == 1


async def test_what_is_being_copied_waits():
    house = Rewrapped(plain=[task("a")])
    await house.begun()
    async with house.running():
        house.copied = True
        found = await house.rewrapping.sweep(TASKS)
        assert (found.rewritten, found.is_clean, "being copied" in found.trouble) == (0, False, True)
        house.copied = False
        assert (await house.rewrapping.sweep(TASKS)).rewritten == 1


async def test_it_goes_on_in_the_background_until_all_is_done_and_begins_anew_with_other_keys():
    house = Rewrapped(plain=[task("a"), task("b")])
    await house.begun()
    async with house.running():
        running = asyncio.create_task(house.rewrapping.run())
        await until(lambda: house.rewrapping.is_clean)
        assert is_sealed(await house.stored("a"))
        house.turn("k2")
        house.rewrapping.again()
        assert not house.rewrapping.is_clean
        await until(lambda: house.rewrapping.is_clean)
        assert parsed(await house.stored("b")).key_id == "k2"
        assert [done.records for done in house.observed(RecordsRewrapped)] == [2, 2]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_backend_that_is_away_or_cannot_do_it_is_tried_again():
    house = Rewrapped(plain=[task("a")], fields={"translation_tasks": ["source_text"]})
    await house.begun()
    house.backend.dump = failing(house.backend.dump, BackendUnavailable("away"))
    async with house.running():
        running = asyncio.create_task(house.rewrapping.run())
        await until(lambda: house.rewrapping.is_clean)
        assert [failed.detail for failed in house.observed(RewrapFailed)] == ["away"]
        running.cancel()


def failing(dump, error):
    """One failure, then as before."""
    errors = [error]

    async def once(collection, **options):
        if errors:
            raise errors.pop()
        async for portion in dump(collection, **options):
            yield portion

    return once


async def test_a_backend_without_the_ability_says_so():
    house = Rewrapped(backend=Minimal(MemoryBackend()))
    async with house.running():
        running = asyncio.create_task(house.rewrapping.run())
        await until(lambda: house.observed(RewrapFailed))
        assert "lacks the ability Dumping" in house.observed(RewrapFailed)[0].detail
        assert not house.rewrapping.is_clean
        running.cancel()


async def test_a_backend_that_cannot_exchange_texts_is_looked_through_all_the_same():
    inner = MemoryBackend()
    backend = Minimal(inner)
    backend.dump, backend.scan = inner.dump, inner.scan
    house = Rewrapped(backend=backend, plain=[task("a"), task("b")])
    await house.begun()
    async with house.running():
        found = await house.rewrapping.sweep(TASKS)
        assert (found.finished, found.is_clean, found.rewritten, found.values[PLAIN]) == (True, False, 0, 2)
        assert "lacks the ability Rewriting" in found.trouble


def test_passes_that_come_no_further_grow_rare():
    house = Rewrapped()
    rests = [house.rewrapping._next(0.0)]
    while rests[-1] < 24 * 3600:
        rests.append(house.rewrapping._next(rests[-1]))
    assert rests[:4] == [0.01, 0.02, 0.04, 0.08]
    house.rewrapping.passes["translation_tasks"] = Pass(rewritten=1)
    assert house.rewrapping._next(rests[-1]) == 0.01


async def test_values_in_dead_letters_are_counted():
    house = Rewrapped()
    async with house.running():
        house.backend.write = refusing(house.backend.write)
        await house.post(task("a", error_message="no"))
        await house.settled()
        running = asyncio.create_task(house.rewrapping.run())
        await until(lambda: house.rewrapping.values_under("k1")["dead_letters"] == 2)
        running.cancel()


def refusing(write):
    async def refuse(collection, records, **options):
        if records:
            raise RecordRefused("no", index=0)
        return await write(collection, records, **options)

    return refuse


async def test_letters_that_were_looked_at_before_do_not_count():
    house = Rewrapped()
    async with house.running():
        rewrapping, find, turns, looks = house.rewrapping, house.dead_letters.find, asyncio.Semaphore(1), []

        async def slow(*asked, **more):
            looks.append(asked)
            page = await find(*asked, **more)
            await turns.acquire()
            return page

        rewrapping._letters = SimpleNamespace(find=slow)
        running = asyncio.create_task(rewrapping.run())
        await until(lambda: rewrapping.is_finished)
        rewrapping.again()
        await until(lambda: len(looks) == 2)
        assert not rewrapping.is_finished
        rewrapping.again()
        turns.release()
        await until(lambda: len(looks) == 3)
        assert not rewrapping.is_finished
        turns.release()
        await until(lambda: rewrapping.is_finished)
        await ended(running)


async def test_a_pass_waits_for_what_was_acknowledged_and_is_none_of_what_is_asked_for_meanwhile():
    house = Rewrapped()
    async with house.running():
        settle, go_on, settling = house.rewrapping._settle, asyncio.Event(), asyncio.Event()

        async def slow(collection):
            settling.set()
            await go_on.wait()
            await settle(collection)

        house.rewrapping._settle = slow
        await house.post(task("a"))
        sweep = asyncio.create_task(house.rewrapping.sweep(TASKS))
        await until(settling.is_set)
        house.turn("k2")
        house.rewrapping.again()
        go_on.set()
        assert (await sweep).values["k1"] == 1
        assert not house.rewrapping.passes
