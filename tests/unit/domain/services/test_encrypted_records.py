"""Records with encrypted fields through the whole house: clients see no difference, and nothing kept is readable."""

import json
import os
import random

import msgspec
import pytest

from adapters.keyring.aes import AesKeyring
from adapters.keyring.keys import Keys
from adapters.memory.backend import MemoryBackend
from adapters.memory.cache import MemoryCache
from domain.errors import (
    DecryptionFailed,
    InvalidParameter,
    PreconditionFailed,
    RecordNotFound,
    RecordRefused,
    ValueTaken,
)
from domain.model.dead_letters import EVERY_LETTER
from domain.model.query import EVERYTHING, Condition, Operator, Query, Sort
from domain.model.records import Verdict
from domain.model.sealed import is_sealed
from domain.model.translation import TASKS
from domain.model.users import USERS
from domain.services.caching import Lookup
from domain.services.sealing import Sealing
from tests.unit.domain.services.house import House, task

FIELDS = {"users": ["email", "preferences"], "translation_tasks": ["source_text", "metadata", "error_message"]}
BY_KEY = (Sort("user_id"),)
SECRETS = (b"Hello", b"Very-Secret", b"ann@", b"Ann@", b"example.org")


def keyring(active="k1"):
    return AesKeyring(Keys(active=active, keys={active: os.urandom(32)}, index=os.urandom(32)))


def house(backend=None, fields=FIELDS):
    return House(backend, sealing=Sealing(fields, keyring()))


def users_house():
    return house(MemoryBackend())


def user(key="u1", email="Ann@example.org", **changes):
    return json.dumps({"user_id": key, "email": email, "preferences": {"a": "Very-Secret"}, **changes}).encode()


def value(record, field, collection=USERS):
    return record.values[collection.positions[field]]


def kept_by(house):
    """Everything that stays somewhere, as text."""
    parts = [house.backend, house.write_buffer, house.dead_letters, house.receipts]
    return repr([vars(part) for part in parts]).encode() + repr(vars(house.backend)).encode()


async def plain_users(house, *users):
    """Stored as they were before anything was encrypted."""
    before = House(house.backend)
    before.clock.moment = house.clock.moment.replace(hour=10)  # no revision is given twice
    async with before.running():
        for key, email in users:
            await before.changes.create(USERS, user(key, email), key)


async def test_what_waits_is_shown_and_what_is_stored_too():
    made = house()
    async with made.running(draining=False):
        await made.post(task("a", source_text="Hello", metadata={"x": [1, "Very-Secret"]}))
        assert value(await made.query.get(TASKS, "a"), "source_text", TASKS) == "Hello"
        await made.flush.start()
        await made.settled()
        record = await made.query.get(TASKS, "a")
        assert value(record, "source_text", TASKS) == "Hello"
        assert value(record, "metadata", TASKS) == '{"x": [1, "Very-Secret"]}'
        (only,) = [record async for portion in made.query.scan(TASKS, EVERYTHING) for record in portion]
        page = await made.query.find(TASKS, Query(sort=(Sort("task_id"),)))
        assert only == record == page.items[0]
        assert is_sealed(value(await made.backend.read(TASKS, "a"), "source_text", TASKS))


async def test_caches_hold_what_is_encrypted():
    made = house()
    cache = MemoryCache(1000, 1_000_000, made.clock.monotonic)
    made.caching = made.cached_in(cache)
    made.query._caching = made.caching
    async with made.running():
        await made.post(task("a", source_text="Very-Secret"))
        await made.settled()
        for _ in range(3):
            record = await made.query.get(TASKS, "a", Lookup())
            page = await made.query.find(TASKS, Query(sort=(Sort("task_id"),)), lookup=Lookup())
            assert value(record, "source_text", TASKS) == value(page.items[0], "source_text", TASKS) == "Very-Secret"
        held = repr([vars(part) for part in (cache, *vars(cache).values()) if hasattr(part, "__dict__")]).encode()
    assert b"enc1." in held
    assert b"Very-Secret" not in held


async def test_a_patch_sees_the_plaintext_and_leaves_none():
    made = house()
    async with made.running():
        await made.post(task("a", metadata={"x": {"y": "Very-Secret", "z": 1}}))
        record = await made.changes.patch(TASKS, "a", b'{"metadata": {"x": {"z": null}}, "error_message": "Hello"}')
        assert json.loads(value(record, "metadata", TASKS)) == {"x": {"y": "Very-Secret"}}
        assert record == await made.query.get(TASKS, "a")
        with pytest.raises(PreconditionFailed) as caught:
            await made.changes.patch(TASKS, "a", b'{"priority": 1}', if_match=["older"])
        assert caught.value.current == record
        (done,) = await made.changes.patch_many(TASKS, b'[{"task_id": "a", "error_message": null}]')
        assert value(done.record, "error_message", TASKS) is None
        assert not any(secret in kept_by(made) for secret in SECRETS)


async def test_dead_letters_are_encrypted_and_can_be_replayed_and_repaired():
    made = house()
    made.backend.poison = {"a": RecordRefused("no"), "b": RecordRefused("no")}
    async with made.running():
        await made.post(task("a", source_text="Very-Secret"), task("b", metadata={"a": "Very-Secret"}))
        await made.settled()
        letters = {letter.key: letter for letter in await made.dead_letters.find(limit=9)}
        assert len(letters) == 2
        assert b"enc1." in letters["a"].record
        assert not any(secret in kept_by(made) for secret in SECRETS)
        made.backend.poison = {}

        assert (await made.letters.replay(letters["a"].id, None, timeout=5)).verdict is Verdict.STORED
        assert value(await made.query.get(TASKS, "a"), "source_text", TASKS) == "Very-Secret"
        edited = msgspec.json.decode(letters["b"].record) | {"priority": 7}  # what is encrypted may stay as it is
        assert (await made.letters.replay(letters["b"].id, json.dumps(edited).encode(), timeout=5)).verdict
        record = await made.query.get(TASKS, "b")
        assert (value(record, "priority", TASKS), value(record, "metadata", TASKS)) == (7, '{"a": "Very-Secret"}')
        assert is_sealed(value(await made.backend.read(TASKS, "b"), "metadata", TASKS))


async def test_a_dead_letter_without_its_key_stays_where_it_is():
    made = house()
    made.backend.poison = {"a": RecordRefused("no")}
    async with made.running():
        await made.post(task("a"))
        await made.settled()
        made.backend.poison = {}
        made.sealing.keyring = keyring("k2")
        (letter,) = await made.dead_letters.find(limit=9)
        with pytest.raises(DecryptionFailed):
            await made.letters.replay(letter.id, None, timeout=5)
        sweep = await made.letters.sweep(EVERY_LETTER, after=None, limit=9, timeout=5)
        assert sweep.kept == 1
        assert await made.letters.get(letter.id) == letter


async def test_what_cannot_be_read_can_be_replaced_and_deleted():
    made = house()
    async with made.running():
        await made.post(task("a"), task("b"), task("c"))
        await made.settled()
        made.sealing.keyring = keyring("k2")
        with pytest.raises(DecryptionFailed, match="`source_text` of task 'a' cannot be decrypted"):
            await made.query.get(TASKS, "a")
        with pytest.raises(DecryptionFailed):
            await made.query.find(TASKS, Query(sort=(Sort("task_id"),)))
        assert len((await made.query.find(TASKS, Query(sort=(Sort("task_id"),), fields=("status",)))).items) == 3
        results = await made.changes.patch_many(TASKS, b'[{"task_id": "a", "priority": 1}]')
        assert isinstance(results[0].problem, DecryptionFailed)

        await made.changes.delete(TASKS, "a")
        with pytest.raises(RecordNotFound):
            await made.query.get(TASKS, "a")
        members = {
            name: msgspec.Raw(json.dumps(each).encode()) for name, each in task("b").items() if name != "task_id"
        }
        await made.changes.replace(TASKS, "b", members)
        await made.post(task("c", source_text="anew"))
        assert value(await made.query.get(TASKS, "b"), "source_text", TASKS) == "Hello"
        assert value(await made.query.get(TASKS, "c"), "source_text", TASKS) == "anew"


async def test_the_readable_state_is_the_same_whatever_the_order():
    histories = [
        task("a", source_text=text, updated_at=f"2026-11-24T10:00:0{n}Z", created_at=f"2026-11-24T09:00:0{9 - n}Z")
        for n, text in enumerate(("one", "two", "three"))
    ]
    found = []
    for seed in range(6):
        made = house()
        async with made.running():
            for body in random.Random(seed).sample(histories, 3):
                await made.post(body)
                await made.post(body)
            await made.settled()
            found.append(await made.query.get(TASKS, "a"))
    assert len({(record.values, record.created_at, record.updated_at) for record in found}) == 1


async def test_no_two_users_have_one_address_though_nobody_sees_it():
    made = users_house()
    async with made.running():
        await made.changes.create(USERS, user("u1", "Ann@example.org"), "x")
        with pytest.raises(ValueTaken):
            await made.changes.create(USERS, user("u2", "ann@EXAMPLE.org"), "x")
        await made.changes.create(USERS, user("u3", "bob@example.org"), "x")
        with pytest.raises(ValueTaken):
            await made.changes.patch(USERS, "u3", b'{"email": "ANN@example.org"}')
        await made.changes.delete(USERS, "u1")
        record = await made.changes.patch(USERS, "u3", b'{"email": "ANN@example.org"}')
        assert (value(record, "email"), value(record, "email_normalized")) == ("ANN@example.org", "ann@example.org")
        assert not any(secret in kept_by(made) for secret in SECRETS)


async def test_users_are_found_by_their_address():
    made = users_house()
    await plain_users(made, ("old", "Old@example.org"))
    async with made.running():
        for key in ("u1", "u2", "u3"):
            await made.changes.create(USERS, user(key, f"{key}@example.org"), "x")

        async def found(field, operator, *operands):
            query = Query(filter=Condition(field, operator, operands), sort=BY_KEY)
            return [record.key for record in (await made.query.find(USERS, query, strong=True)).items]

        assert await found("email", Operator.EQ, "U2@example.org") == ["u2"]
        assert await found("email_normalized", Operator.EQ, "u2@example.org") == ["u2"]
        assert await found("email_normalized", Operator.IN, "u1@example.org", "u3@example.org", "x@y.z") == ["u1", "u3"]
        assert await found("email", Operator.EQ, "old@EXAMPLE.org") == ["old"]
        assert await found("email_normalized", Operator.IN, "old@example.org", "u1@example.org") == ["old", "u1"]
        assert await found("email", Operator.EQ, "nobody") == []
        with pytest.raises(InvalidParameter, match="`email` is encrypted"):
            await found("email", Operator.PREFIX, "u")
        with pytest.raises(InvalidParameter, match="`email` is encrypted"):
            await made.query.count_by(USERS, "email", EVERYTHING)
        with pytest.raises(InvalidParameter, match="`email` is encrypted"):
            made.query.scan(USERS, Condition("email", Operator.GT, ("a",)))


async def test_an_address_of_before_is_taken_too():
    made = users_house()
    await plain_users(made, ("old", "Ann@example.org"), ("other", "other@example.org"))
    async with made.running():
        with pytest.raises(ValueTaken, match="Another user has this `email`"):
            await made.changes.create(USERS, user("u1", "ann@example.org"), "x")
        batch = [{"user_id": "u1", "email": "ANN@example.org"}, {"user_id": "u2", "email": "new@example.org"}]
        results = await made.changes.replace_many(USERS, json.dumps(batch).encode())
        assert [result.verdict for result in results] == [Verdict.CONFLICT, Verdict.STORED]
        record = await made.changes.patch(USERS, "old", b'{"name": "Ann"}')
        assert value(record, "email") == "Ann@example.org"
        assert is_sealed(value(await made.backend.read(USERS, "old"), "email"))
        with pytest.raises(ValueTaken):
            await made.changes.create(USERS, user("u1", "ann@example.org"), "x")
        await made.changes.delete(USERS, "old")
        await made.changes.create(USERS, user("u1", "ann@example.org"), "x")


async def test_an_address_that_a_former_run_has_acknowledged_is_taken_too():
    made = users_house()
    before = House(made.backend, write_buffer=made.write_buffer)
    async with before.running(draining=False):
        payload = b'[{"user_id": "old", "email": "ann@example.org"}]'
        await before.buffer.accept(USERS, payload)
    async with made.running():
        with pytest.raises(ValueTaken):
            await made.changes.create(USERS, user("u1", "ann@example.org"), "x")
