"""Keys: nothing that is revoked comes back, and an outage of their store keeps out only those that nobody knows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from adapters.memory.backend import MemoryBackend
from adapters.system.ids import SystemIds
from domain.errors import (
    AbilityMissing,
    BackendUnavailable,
    InvalidParameter,
    KeysUnreachable,
    QuotaExceeded,
    StartFailure,
    Unauthenticated,
)
from domain.model.api_keys import API_KEYS, MAX_ACTOR, from_record, key_text, to_record
from domain.model.observations import KeyStoreLost, KeyStoreRegained
from domain.services import key_authenticator
from domain.services.api_keys import ApiKeys, KeyStore
from domain.services.ending import ended
from domain.services.key_authenticator import (
    AHEAD_SECONDS,
    FRESH_SECONDS,
    KNOWN_SECONDS,
    REST_SECONDS,
    KeyAuthenticator,
)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Shared(MemoryBackend):
    """A backend that can be away, slow, and asked how often it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Event()

    async def write_conditional(self, collection, writes):
        verdicts = await super().write_conditional(collection, writes)
        self.changed.set()
        return verdicts

    async def read(self, collection, key):
        self.reads += 1
        await self.gate.wait()
        if self.away:
            raise BackendUnavailable("It is away.")
        return await super().read(collection, key)


class Instance:
    """One of several services over a backend."""

    def __init__(self, backend: MemoryBackend, clock: HandClock) -> None:
        self.seen: list[object] = []
        store = KeyStore(lambda: backend)
        self.door = KeyAuthenticator(store, self.seen.append, clock)
        self.keys = ApiKeys(store, SystemIds(), clock, self.door.forget)

    async def lets_in(self, text: object) -> bool:
        try:
            await self.door.principal(str(text))
        except Unauthenticated:
            return False
        return True


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def backend() -> Shared:
    return Shared()


@pytest.fixture
def here(backend, clock) -> Instance:
    return Instance(backend, clock)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_key_that_is_revoked_elsewhere_is_refused_within_five_seconds(backend, clock, here):
    there = Instance(backend, clock)
    key, text = await there.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    await there.keys.revoke(key.key_id, by="test")
    assert not await there.lets_in(text)
    clock.seconds = FRESH_SECONDS
    assert not await here.lets_in(text)
    assert FRESH_SECONDS < 5


async def test_a_secret_that_another_instance_has_made_is_taken_at_once(backend, clock, here):
    there = Instance(backend, clock)
    key, former = await there.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(former)
    clock.seconds = REST_SECONDS
    text = (await there.keys.rotate(key.key_id, by="test")).text
    assert await here.lets_in(text)
    assert not await here.lets_in(former)


async def test_guesses_at_the_secret_of_a_known_key_pay_and_have_the_store_asked_once_a_second(backend, clock, here):
    key, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    before, paid = backend.reads, []

    async def toll() -> None:
        paid.append(clock.seconds)
        if clock.seconds == 3:
            raise QuotaExceeded("No more.", retry_after=1.0)

    async def guess(refusal: type[Exception] = Unauthenticated) -> None:
        with pytest.raises(refusal):
            await here.door.principal(f"ps_{key.key_id}.{'A' * 43}", toll)

    for clock.seconds in (0.0, 1.0, 2.0):
        await asyncio.gather(*[guess() for _ in range(20)])
    clock.seconds = 3.0
    await guess(QuotaExceeded)
    assert backend.reads - before == 2
    assert paid == [1.0] * 20 + [2.0] * 20 + [3.0]


async def test_a_key_in_use_is_looked_up_again_while_nobody_waits(backend, clock, here):
    _, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    backend.gate.clear()
    clock.seconds = 3.0
    assert await here.lets_in(text)  # although the look-up that it begins hangs
    backend.gate.set()
    await settle()
    clock.seconds = 5.0
    before = backend.reads
    assert await here.lets_in(text)
    assert backend.reads == before


async def test_many_who_show_a_key_share_one_look_up(backend, here):
    _, text = await here.keys.create("ci", ["read"], by="test")
    before = backend.reads
    assert await asyncio.gather(*(here.lets_in(text) for _ in range(100))) == [True] * 100
    assert backend.reads == before + 1


async def test_an_id_of_nobody_is_remembered_too_and_forgotten_when_it_is_made(backend, here):
    unknown = f"ps_{'a' * 16}.{'x' * 43}"
    assert not await here.lets_in(unknown)
    assert not await here.lets_in(unknown)
    assert backend.reads == 1
    _, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)


async def test_nobody_has_the_store_asked_ahead_about_an_id_of_nobody(backend, clock, here):
    unknown = f"ps_{'a' * 16}.{'x' * 43}"
    assert not await here.lets_in(unknown)
    clock.seconds = AHEAD_SECONDS
    assert not await here.lets_in(unknown)
    await settle()
    assert backend.reads == 1


async def test_what_has_not_the_form_of_a_key_is_never_looked_up(backend, here):
    for text in ("ps_", "ps_x.y", f"ps_{'a' * 16}.{'x' * 42}", f"ps_{'A' * 16}.{'x' * 43}", "é" * 63):
        assert not await here.lets_in(text)
    assert backend.reads == 0


async def test_while_the_store_is_away_keys_stay_as_they_were_known_for_an_hour(backend, clock, here):
    _, known = await here.keys.create("ci", ["read"], by="test")
    gone, revoked = await here.keys.create("ci", ["read"], by="test")
    _, unseen = await here.keys.create("ci", ["read"], by="test")
    await here.keys.revoke(gone.key_id, by="test")
    assert await here.lets_in(known)
    assert not await here.lets_in(revoked)
    backend.away = True
    for clock.seconds in (10.0, 60.0, KNOWN_SECONDS - 1):
        assert await here.lets_in(known)
        assert not await here.lets_in(revoked)
        with pytest.raises(KeysUnreachable) as caught:
            await here.lets_in(unseen)
        assert caught.value.retry_after
        await settle()
    clock.seconds = KNOWN_SECONDS + 1
    with pytest.raises(KeysUnreachable):
        await here.lets_in(known)
    backend.away = False
    clock.seconds += 2
    assert await here.lets_in(known)
    assert [type(each) for each in here.seen] == [KeyStoreLost, KeyStoreRegained]


async def test_a_store_that_never_answers_holds_nobody_up_who_is_known(backend, clock, here, monkeypatch):
    monkeypatch.setattr(key_authenticator, "WAIT_SECONDS", 0.01)
    _, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    backend.gate.clear()
    clock.seconds = 10.0
    assert await here.lets_in(text)
    async with asyncio.timeout(0):  # from here on without a look at any clock
        assert await here.lets_in(text)
    backend.gate.set()
    await here.door.close()


async def test_a_key_that_expires_while_the_store_is_away_is_refused(backend, clock, here):
    _, text = await here.keys.create("ci", ["read"], expires_at=clock.now() + timedelta(minutes=1), by="test")
    assert await here.lets_in(text)
    backend.away = True
    clock.seconds = 61.0
    assert not await here.lets_in(text)


async def test_a_look_up_that_began_before_a_change_is_not_believed(backend, here):
    key, text = await here.keys.create("ci", ["read"], by="test")
    backend.gate.clear()
    early = asyncio.create_task(here.lets_in(text))
    await settle()
    revoked = to_record(msgspec.structs.replace(key, revoked_at=key.created_at))
    backend.gate.set()
    backend._tables[API_KEYS.name][key.key_id] = revoked  # as another instance's write would
    here.door.forget(key.key_id)
    await early
    assert not await here.lets_in(text)


async def test_what_was_read_before_a_change_is_not_believed_after_it(backend, here):
    key, text = await here.keys.create("ci", ["read"], by="test")
    early, answers = await asked_early(backend, here, text)
    await here.keys.revoke(key.key_id, by="test")
    answers.set()
    await early
    assert not await here.lets_in(text)


async def test_what_is_read_is_as_old_as_its_question(backend, clock, here):
    there = Instance(backend, clock)
    key, text = await there.keys.create("ci", ["read"], by="test")
    early, answers = await asked_early(backend, here, text)
    await there.keys.revoke(key.key_id, by="test")
    clock.seconds = FRESH_SECONDS - 0.1
    answers.set()
    await early
    clock.seconds = FRESH_SECONDS
    assert not await here.lets_in(text)


async def asked_early(backend, instance, text):
    """A look-up whose answer is on its way, and what lets it arrive."""
    real, read, answers = backend.read, asyncio.Event(), asyncio.Event()

    async def slow(collection, key_id):
        found = await real(collection, key_id)
        read.set()
        await answers.wait()
        return found

    backend.read = slow
    early = asyncio.create_task(instance.lets_in(text))
    await read.wait()
    del backend.read
    return early, answers


async def test_a_former_secret_ends_with_its_overlap(clock, here):
    key, former = await here.keys.create("ci", ["read"], by="test")
    second = (await here.keys.rotate(key.key_id, overlap=timedelta(seconds=60), by="test")).text
    clock.seconds = 59.0
    assert [await here.lets_in(text) for text in (former, second)] == [True, True]
    clock.seconds = 60.0
    assert [await here.lets_in(text) for text in (former, second)] == [False, True]


async def test_a_rotation_at_once_ends_every_former_secret(here):
    key, first = await here.keys.create("ci", ["read"], by="test")
    second = (await here.keys.rotate(key.key_id, overlap=timedelta(days=1), by="test")).text
    third = (await here.keys.rotate(key.key_id, by="test")).text
    assert [await here.lets_in(text) for text in (first, second, third)] == [False, False, True]


async def test_guesses_do_not_fill_the_memory(here, monkeypatch):
    monkeypatch.setattr(key_authenticator, "MAX_KEYS", 3)
    for letter in "abcdefgh":
        assert not await here.lets_in(f"ps_{letter * 16}.{'x' * 43}")
    assert len(here.door._strangers) == 3


async def test_no_change_brings_a_revoked_key_back(backend, clock, here):
    """Every change names the state that it builds on, so that one which read before the revocation is in vain."""
    key, _ = await here.keys.create("ci", ["read"], by="test")
    clock.seconds = 60.0
    late = Instance(backend, clock)
    stale = await late.keys._store.find(key.key_id)
    await here.keys.revoke(key.key_id, by="test")
    assert not await late.keys._store.put(
        msgspec.structs.replace(stale, updated_at=clock.now() + timedelta(hours=1), revision=stale.revision + 1),
        stale.revision,
    )
    await late.keys.used(key.key_id, clock.now())
    with pytest.raises(InvalidParameter, match="revoked"):
        await late.keys.rotate(key.key_id, by="test")
    assert from_record(await backend.read(API_KEYS, key.key_id)).revoked_at is not None


async def test_whoever_changes_a_key_is_named_as_far_as_there_is_room(here):
    """The subject of a token may be longer: the last who should fail for it is who revokes a key."""
    by = "token:sso/" + "s" * 255
    key, _ = await here.keys.create("ci", ["read"], by=by)
    rotated = (await here.keys.rotate(key.key_id, by=by)).key
    revoked = await here.keys.revoke(key.key_id, by=by)
    assert [each.changed_by for each in (key, rotated, revoked)] == [by[:MAX_ACTOR]] * 3


async def test_changes_at_the_same_time_are_all_made(here):
    key, _ = await here.keys.create("ci", ["read"], by="test")
    done = await asyncio.gather(*(here.keys.rotate(key.key_id, by="test") for _ in range(5)))
    assert [await here.lets_in(each.text) for each in done].count(True) == 1


async def test_a_rotation_tells_of_the_overlap_that_it_ends(clock, here):
    key, first = await here.keys.create("ci", ["read"], by="test")
    hour = timedelta(hours=1)
    second = await here.keys.rotate(key.key_id, overlap=hour, by="test")
    assert (second.cut_short, await here.lets_in(first)) == (None, True)
    third = await here.keys.rotate(key.key_id, overlap=hour, by="test")
    assert third.cut_short == second.key.former_until
    assert [await here.lets_in(text) for text in (first, second.text, third.text)] == [False, True, True]
    clock.seconds = 3600.0
    assert (await here.keys.rotate(key.key_id, by="test")).cut_short is None


async def test_the_last_use_is_noted_beside_the_requests(backend, clock, here, monkeypatch):
    key, text = await here.keys.create("ci", ["read"], by="test")
    await here.lets_in(text)
    assert from_record(await backend.read(API_KEYS, key.key_id)).used_at is None
    monkeypatch.setattr(key_authenticator, "USES_SECONDS", 0.001)
    backend.changed.clear()
    noting = asyncio.create_task(here.door.note_uses(here.keys))
    await backend.changed.wait()
    await ended(noting)
    assert from_record(await backend.read(API_KEYS, key.key_id)).used_at == clock.now()
    assert await here.lets_in(text)


async def test_the_last_use_is_noted_again_after_an_outage(backend, clock, here, monkeypatch):
    key, text = await here.keys.create("ci", ["read"], by="test")
    await here.lets_in(text)
    monkeypatch.setattr(key_authenticator, "USES_SECONDS", 0.001)
    backend.changed.clear()
    backend.away, before = True, backend.reads
    noting = asyncio.create_task(here.door.note_uses(here.keys))
    async with asyncio.timeout(10):
        while backend.reads == before:  # noqa: ASYNC110  # nobody tells of a note that fails
            await asyncio.sleep(0.001)
        backend.away = False
        await here.lets_in(text)
        await backend.changed.wait()
    await ended(noting)
    assert from_record(await backend.read(API_KEYS, key.key_id)).used_at == clock.now()


async def test_a_backend_without_conditional_writes_keeps_no_keys(clock):
    class Plain:
        """The universal five, as far as they are needed."""

        async def open(self) -> None: ...
        async def close(self) -> None: ...

    keys = ApiKeys(KeyStore(Plain), SystemIds(), clock)
    with pytest.raises(AbilityMissing, match=r"auth\.backend"):
        await keys.create("ci", ["read"], by="test")
    with pytest.raises(StartFailure, match=r"auth\.backend"):
        await KeyStore(Plain).open()


async def test_a_key_is_stored_and_read_back_whole(clock, here):
    key, text = await here.keys.create("ci", ["read", "write:users"], expires_at=clock.now() + timedelta(1), by="me")
    assert from_record(to_record(key)) == key
    assert key_text(str(text)) == text
    assert text.secret not in repr(text) + repr(key)


async def test_guesses_push_no_key_out_of_memory(backend, here, monkeypatch):
    monkeypatch.setattr(key_authenticator, "MAX_KEYS", 3)
    _, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    for number in range(10):
        assert not await here.lets_in(f"ps_{'a' * 15}{'abcdefghij'[number]}.{'x' * 43}")
    before = backend.reads
    assert await here.lets_in(text)
    assert backend.reads == before


async def test_a_flood_of_guesses_is_bounded_and_holds_no_known_key_up(backend, clock, here, monkeypatch):
    monkeypatch.setattr(key_authenticator, "MAX_WAITING", 20)
    _, text = await here.keys.create("ci", ["read"], by="test")
    assert await here.lets_in(text)
    clock.seconds = FRESH_SECONDS + 1
    backend.gate.clear()
    before = backend.reads
    flood = [
        asyncio.create_task(here.lets_in(f"ps_{'a' * 14}{one}{other}.{'x' * 43}"))
        for one in "abcdef"
        for other in "abcdefgh"
    ]
    await settle()
    assert backend.reads == before + key_authenticator.MAX_GUESSES
    known = asyncio.create_task(here.lets_in(text))
    await settle()
    assert backend.reads == before + key_authenticator.MAX_GUESSES + 1
    backend.gate.set()
    assert await known
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(each, KeysUnreachable) for each in answers) == len(flood) - 20


async def test_the_store_says_how_it_is(backend, here):
    assert (await here.keys._store.health_check()).healthy


async def test_guesses_that_wait_for_each_other_do_not_make_the_store_look_away(backend, clock, here, monkeypatch):
    monkeypatch.setattr(key_authenticator, "WAIT_SECONDS", 0.01)
    backend.gate.clear()
    for number in range(10):
        with pytest.raises(KeysUnreachable):
            await here.lets_in(f"ps_{'a' * 15}{'abcdefghij'[number]}.{'x' * 43}")
    assert here.seen == []
    backend.gate.set()
    await here.door.close()
