"""Files: content first, then the record; orphans are collected, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from adapters.memory.backend import MemoryBackend
from adapters.memory.object_store import MemoryObjectStore
from adapters.system.ids import SystemIds
from domain.errors import (
    AbilityMissing,
    BackendUnavailable,
    DigestMismatch,
    FlushIncomplete,
    InvalidParameter,
    InvalidRecords,
    MalformedBody,
    ObjectNotFound,
    PayloadTooLarge,
    PreconditionFailed,
    RecordNotFound,
    RecordRefused,
    SchemaMismatch,
)
from domain.model.built_in import BUILT_IN
from domain.model.dead_letters import LetterFilter
from domain.model.files import FILES, FileLimits, NewFile, Part
from domain.model.policies import BufferPolicy
from domain.services.files import FileService, object_name, object_of
from domain.services.orphans import OrphanSweeper
from domain.services.registry import NamedBackend
from domain.services.schema import Schemas
from domain.services.whereabouts import Whereabouts
from tests.unit.domain.services.house import FaultyBackend, House

WHOLE = Part()
ALL = [collection.name for collection in BUILT_IN]
DAY = timedelta(hours=24, seconds=1)


class Files:
    """A house that keeps files, with what a test looks at."""

    def __init__(self, max_bytes: int = 10_000, policy: BufferPolicy | None = None, objects=None, types=()) -> None:
        self.house = House(FaultyBackend(MemoryBackend()), policy, collections=BUILT_IN)
        self.objects = objects or MemoryObjectStore(self.house.clock)
        self.service = FileService(
            self.objects,
            Schemas([FILES]),
            self.house.changes,
            self.house.query,
            lambda: 1,
            SystemIds(),
            self.house.clock,
            FileLimits(max_bytes=max_bytes, types=types),
        )
        self.sweeper = OrphanSweeper(self.objects, self.house.query, self.house.dead_letters, self.house.clock)

    async def store(self, file_id: str = "f1", content: bytes = b"content", **options):
        about = {name: options.pop(name) for name in ("name", "content_type", "metadata") if name in options}
        file = NewFile(file_id=file_id, **({"name": "a.txt"} | about))
        return await self.service.store(file, pieces(content), **options)

    async def read(self, file_id: str = "f1", part: Part = WHOLE) -> bytes:
        opened = await self.service.open(file_id, lambda record: part)
        return b"".join([piece async for piece in opened.content])

    async def kept(self) -> list[str]:
        return [found.name async for portion in self.objects.list() for found in portion]


async def pieces(*parts: bytes):
    for part in parts:
        yield part


@pytest.fixture
async def files():
    found = Files()
    async with found.house.running():
        yield found


def shown(record) -> dict:
    return dict(zip(FILES.positions, record.values, strict=True))


async def test_a_file_is_kept_with_what_is_known_of_it(files):
    stored = await files.store(
        content=b"Hello", name="Grüße.txt", content_type="Text/Plain; charset=utf-8", metadata=b'{"a": [1]}'
    )
    about = shown(stored.record)

    assert stored.former is None
    assert about.pop("object") == object_of(stored.record)
    assert about == {
        "file_id": "f1",
        "name": "Grüße.txt",
        "content_type": "text/plain",
        "size": 5,
        "sha256": hashlib.sha256(b"Hello").hexdigest(),
        "metadata": '{"a": [1]}',
    }
    assert await files.read() == b"Hello"
    assert await files.read(part=Part(start=1, length=3)) == b"ell"
    assert await files.house.backend.read(FILES, "f1") is not None
    assert await files.house.query.get(FILES, "f1") == stored.record


async def test_a_file_may_be_empty(files):
    await files.store(content=b"")

    assert await files.read() == b""


async def test_an_id_of_any_text_never_reaches_the_store(files):
    odd = "..%2e ä '*?\"<"
    stored = await files.store(odd)

    assert object_of(stored.record).startswith(hashlib.sha256(odd.encode()).hexdigest() + "-1-")
    assert await files.read(odd) == b"content"


async def test_a_replaced_file_has_its_new_content_and_the_old_is_gone(files):
    first = await files.store(content=b"first")
    second = await files.store(content=b"second")

    assert second.former == first.record
    assert second.record.created_at == first.record.created_at
    assert second.record.updated_at > first.record.updated_at
    assert await files.read() == b"second"
    assert await files.kept() == [object_of(second.record)]


async def test_a_file_can_be_sent_again_after_it_was_deleted(files):
    await files.store(content=b"first")
    await files.house.changes.delete(FILES, "f1")
    with pytest.raises(RecordNotFound):
        await files.read()
    stored = await files.store(content=b"second", only_new=True)

    assert stored.former is None
    assert await files.read() == b"second"


async def test_a_clock_that_was_set_back_does_not_lose_a_file(files):
    await files.store(content=b"first")
    files.house.clock.moment -= timedelta(hours=5)
    await files.store(content=b"second")

    assert await files.read() == b"second"


async def test_many_who_send_one_file_leave_one_content(files):
    await asyncio.gather(*(files.store(content=bytes([number]) * 100) for number in range(12)))
    await files.house.settled()

    (name,) = await files.kept()
    assert object_of(await files.house.query.get(FILES, "f1")) == name
    assert len(set(await files.read())) == 1


async def test_of_many_who_create_one_file_one_succeeds(files):
    results = await asyncio.gather(
        *(files.store(content=bytes([number]), only_new=True) for number in range(6)), return_exceptions=True
    )
    failed = [result for result in results if isinstance(result, Exception)]

    assert [type(result) for result in failed] == [PreconditionFailed] * 5
    assert len(await files.kept()) == 1


async def test_a_precondition_is_judged_before_the_content_is_taken(files):
    async def untouched():
        raise AssertionError("the content was asked for")
        yield b""

    file = NewFile(file_id="f1", name="a")
    with pytest.raises(PreconditionFailed):
        await files.service.store(file, untouched(), if_match=["*"])
    stored = await files.store()
    for condition in ({"only_new": True}, {"if_match": ["1-1"]}):
        with pytest.raises(PreconditionFailed):
            await files.service.store(file, untouched(), **condition)
    assert (await files.store(if_match=[stored.record.tag])).former == stored.record


async def test_a_file_that_changes_while_the_content_comes_is_not_overwritten_blindly(files):
    stored = await files.store(content=b"first")

    async def slow():
        yield b"mine"
        await files.store(content=b"theirs")

    with pytest.raises(PreconditionFailed):
        await files.service.store(NewFile(file_id="f1", name="a"), slow(), if_match=[stored.record.tag])
    assert await files.read() == b"theirs"
    assert len(await files.kept()) == 1


async def test_another_digest_keeps_nothing(files):
    with pytest.raises(DigestMismatch):
        await files.store(sha256=bytes(32))

    assert await files.kept() == []
    with pytest.raises(RecordNotFound):
        await files.read()


async def test_too_much_content_keeps_nothing(files):
    with pytest.raises(PayloadTooLarge, match="10000 bytes"):
        await files.store(content=bytes(10_001))
    await files.store(content=bytes(10_000))

    assert len(await files.kept()) == 1


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ({"file_id": "x" * 65}, InvalidParameter),
        ({"file_id": "a\0b"}, InvalidParameter),
        ({"name": "../passwd"}, InvalidParameter),
        ({"name": "a\\b"}, InvalidParameter),
        ({"name": ".."}, InvalidParameter),
        ({"name": ""}, InvalidParameter),
        ({"name": "a\r\nSet-Cookie: x"}, InvalidParameter),
        ({"name": "cod\u202egpj.exe"}, InvalidParameter),
        ({"name": "ä" * 128}, InvalidParameter),
        ({"content_type": "html"}, InvalidParameter),
        ({"content_type": "text/html\r\nX: y"}, InvalidParameter),
        ({"metadata": b"[1]"}, InvalidRecords),
        ({"metadata": b'{"a": "' + b"x" * 65_536 + b'"}'}, InvalidRecords),
    ],
    ids=repr,
)
async def test_what_cannot_be_kept_is_refused_before_the_content_is_taken(files, about, error):
    taken = []

    async def noted():
        taken.append(1)
        yield b""

    with pytest.raises(error):
        await files.service.store(NewFile(**({"file_id": "f1", "name": "a"} | about)), noted())
    assert (taken, await files.kept()) == ([], [])


@pytest.mark.parametrize(
    "metadata",
    [b"", b"{", b"null", b'{}, "object": "theirs"', b'{"a": 1}, "size": 5', b"{}{}", b'{"a": \xff}'],
    ids=repr,
)
async def test_metadata_is_one_json_object_that_cannot_say_anything_else(files, metadata):
    with pytest.raises((InvalidRecords, MalformedBody)):
        await files.store(metadata=metadata)
    assert await files.kept() == []


async def test_a_cut_upload_changes_nothing(files):
    await files.store(content=b"first")

    async def cut():
        yield b"sec"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.service.store(NewFile(file_id="f1", name="a"), cut())
    assert await files.read() == b"first"
    assert len(await files.kept()) == 1


async def test_content_stays_while_its_record_waits_for_the_backend():
    files = Files(policy=BufferPolicy(linger_seconds=0.001, read_deadline_seconds=0.1))
    files.house.backend.errors = [BackendUnavailable("gone")] * 1000
    async with files.house.running():
        with pytest.raises(FlushIncomplete):
            await files.store()
        (name,) = await files.kept()
        files.house.clock.moment += DAY
        with pytest.raises(FlushIncomplete):
            await files.sweeper.sweep(1)
        assert await files.kept() == [name]
        files.house.backend.errors.clear()
        await files.house.flush.flush([FILES], 20)
        assert await files.read() == b"content"


async def test_content_stays_while_its_record_is_a_dead_letter(files):
    files.house.backend.poison["f1"] = RecordRefused("no")
    with pytest.raises(RecordRefused):
        await files.store()

    assert len(await files.kept()) == 1
    (letter,) = await files.house.dead_letters.find(LetterFilter(lane="files"), after=None, limit=9)
    assert letter.key == "f1"
    files.house.clock.moment += DAY
    assert (await files.sweeper.sweep(1)).removed == 0
    await files.house.dead_letters.remove([letter.id])
    assert (await files.sweeper.sweep(1)).removed == 1


async def test_a_file_whose_content_is_gone_says_so(files):
    stored = await files.store()
    await files.objects.delete(object_of(stored.record))

    with pytest.raises(ObjectNotFound, match="'f1'"):
        await files.read()


async def test_a_file_that_is_replaced_in_the_moment_it_is_opened_is_read_anew(files):
    await files.store(content=b"first")
    get = files.house.query.get

    async def replaced_behind(collection, key):
        record = await get(collection, key)
        files.house.query.get = get
        await files.store(content=b"second")
        return record

    files.house.query.get = replaced_behind
    assert await files.read() == b"second"


async def test_only_the_record_is_looked_at_where_no_part_is_wanted(files):
    stored = await files.store()
    await files.objects.delete(object_of(stored.record))
    opened = await files.service.open("f1", lambda record: None)

    assert (opened.record, opened.content) == (stored.record, None)


async def test_orphans_are_collected_after_a_day_and_nothing_else(files):
    kept = object_of((await files.store()).record)
    orphan, foreign = object_name("gone", 1, "a-b"), object_name("gone", 2, "a-b")
    for name in (orphan, foreign, "something-else", "unknown"):
        await files.objects.put(name, pieces(b"12345"))

    swept = await files.sweeper.sweep(1)
    assert (swept.seen, swept.removed) == (5, 0)
    files.house.clock.moment += DAY
    young = object_name("young", 1, "a-b")
    await files.objects.put(young, pieces(b"1"))
    swept = await files.sweeper.sweep(1)

    assert (swept.seen, swept.removed, swept.freed_bytes) == (6, 1, 5)
    assert sorted(await files.kept()) == sorted([kept, foreign, young, "something-else", "unknown"])
    assert await files.read() == b"content"


async def test_the_content_of_a_deleted_file_is_an_orphan(files):
    await files.store()
    await files.house.changes.delete(FILES, "f1")
    files.house.clock.moment += DAY

    assert (await files.sweeper.sweep(1)).removed == 1
    assert await files.kept() == []


async def test_a_route_that_turns_makes_no_orphans_for_a_week(files):
    first, house, place = files.house.backend, files.house, "1a"
    whereabouts = Whereabouts(files.objects, lambda: place, house.clock)
    files.sweeper = OrphanSweeper(files.objects, house.query, house.dead_letters, house.clock, whereabouts=whereabouts)
    name = object_of((await files.store()).record)
    assert (await files.sweeper.sweep(1)).removed == 0
    house.clock.moment += DAY

    for turn in range(2):  # the second time is as the first
        place = "2b"
        house.registry.replace([NamedBackend("other", "memory", MemoryBackend())], dict.fromkeys(ALL, "other"))
        for _ in range(7):
            with pytest.raises(SchemaMismatch, match="not in the backend that they were in"):
                await files.sweeper.sweep(1)
            house.clock.moment += timedelta(hours=23)
        if turn == 0:
            place = "1a"
            house.registry.replace([NamedBackend("default", "memory", first)], dict.fromkeys(ALL, "default"))
            assert (await files.sweeper.sweep(1)).removed == 0
            assert await files.read() == b"content"
    assert name in await files.kept()
    house.clock.moment += timedelta(hours=8)
    assert (await files.sweeper.sweep(1)).removed == 1
    assert await files.kept() == ["keeps-2b"]


async def test_a_sweep_of_thousands_keeps_every_file(files):
    names = {object_of((await files.store(f"f{number}")).record) for number in range(30)}
    for number in range(2500):
        await files.objects.put(object_name(f"gone{number}", 1, "a"), pieces(b""))
    files.house.clock.moment += DAY

    assert (await files.sweeper.sweep(1)).removed == 2500
    assert set(await files.kept()) == names


async def test_the_steps_of_a_store_are_in_the_only_safe_order(tmp_path):
    steps = []

    class Noted(LocalDiskObjectStore):
        async def put(self, name, content, **options):
            written = await super().put(name, content, **options)
            steps.append("put")
            return written

        async def delete(self, name):
            steps.append("delete")
            await super().delete(name)

    objects = Noted(tmp_path / "objects")
    await objects.open()
    files = Files(objects=objects)
    write = files.house.backend.write_conditional

    async def noted(collection, writes):
        verdicts = await write(collection, writes)
        steps.append("record")
        return verdicts

    files.house.backend.write_conditional = noted
    async with files.house.running():
        await files.store(content=b"first")
        await files.store(content=b"second")
        assert await files.read() == b"second"
    await objects.close()
    assert steps == ["put", "record", "put", "record", "delete"]


async def test_a_backend_that_cannot_hold_a_condition_keeps_no_content_either(files):
    async def lacking(*_, **__):
        raise AbilityMissing("No conditional writes.")

    files.house.changes.replace = lacking
    with pytest.raises(AbilityMissing):
        await files.store()
    assert await files.kept() == []
