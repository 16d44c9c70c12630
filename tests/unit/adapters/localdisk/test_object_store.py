"""What only a disk can do: links where they do not belong, half-written files, and a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from adapters.localdisk.folder import ObjectFolder, refusals
from adapters.localdisk.object_store import LocalDiskObjectStore
from domain.errors import BackendExhausted, BackendUnavailable

SECRET = b"not for clients"


@pytest.fixture
async def store(tmp_path):
    found = LocalDiskObjectStore(tmp_path / "deep" / "objects")
    await found.open()
    yield found
    await found.close()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "deep" / "objects"


def noted_syncs(monkeypatch):
    """A list that the path of each synced file or folder is added to."""
    synced, really = [], os.fsync

    def note(handle):
        synced.append(str(Path("/proc/self/fd", str(handle)).readlink()))
        really(handle)

    monkeypatch.setattr(os, "fsync", note)
    return synced


async def content(text=b"content"):
    yield text


async def read(store, name):
    return b"".join([piece async for piece in store.get(name)])


async def test_an_object_is_a_file_in_the_folder_of_its_first_two_characters(store, root):
    await store.put("abcd-ef", content())

    assert (root / "ab" / "abcd-ef").read_bytes() == b"content"
    assert (root / "ab" / "abcd-ef").stat().st_mode & 0o777 == 0o600
    assert list((root / "tmp").iterdir()) == []


async def test_a_link_in_place_of_an_object_is_not_followed(store, root, tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    await store.put("abcd", content())
    (root / "ab" / "abff").symlink_to(tmp_path / "secret")

    with pytest.raises(BackendUnavailable):
        await read(store, "abff")
    assert [found.name async for portion in store.list() for found in portion] == ["abcd"]


async def test_a_link_in_place_of_a_folder_is_not_followed(store, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "abcd").write_bytes(SECRET)
    (root / "ab").symlink_to(outside)

    with pytest.raises(BackendUnavailable):
        await read(store, "abcd")
    with pytest.raises(BackendUnavailable):
        await store.put("abff", content())
    assert [found.name for found in outside.iterdir()] == ["abcd"]


async def test_a_pipe_in_place_of_an_object_keeps_nobody_waiting(store, root):
    await store.put("abcd", content())
    os.mkfifo(root / "ab" / "abff")

    with pytest.raises(BackendUnavailable):
        await read(store, "abff")


async def test_what_a_former_run_left_half_written_is_forgotten(store, root):
    await store.put("abcd", content())
    await store.close()
    (root / "tmp" / "0123").write_bytes(b"half")
    await store.open()

    assert list((root / "tmp").iterdir()) == []
    assert await read(store, "abcd") == b"content"


async def test_a_folder_that_is_a_file_is_named_in_one_sentence(tmp_path):
    (tmp_path / "objects").write_bytes(b"")

    with pytest.raises(BackendUnavailable, match=r"objects: Not a directory\.$"):
        await LocalDiskObjectStore(tmp_path / "objects").open()


async def test_a_store_that_is_not_open_says_so(tmp_path):
    store = LocalDiskObjectStore(tmp_path / "objects")

    assert not (await store.health_check()).healthy
    with pytest.raises(BackendUnavailable, match="not open"):
        await store.stat("abcd")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_named_as_such(tmp_path, number):
    with pytest.raises(BackendExhausted, match="takes no more"), refusals(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("failing", ["fsync", "link", "write"])
async def test_a_put_that_the_disk_fails_leaves_nothing(store, root, monkeypatch, failing):
    def refuse(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    await store.put("abcd", content())
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, refuse)
        with pytest.raises(BackendUnavailable, match="Input/output error"):
            await store.put("abff", content())
    assert [found.name for found in (root / "ab").iterdir()] == ["abcd"]
    assert list((root / "tmp").iterdir()) == []
    await store.put("abff", content())


async def test_content_and_names_are_synced_before_a_put_returns(store, root, monkeypatch):
    await store.put("abcd", content())
    synced = noted_syncs(monkeypatch)
    await store.put("abff", content())
    await store.put("ac", content())
    file, folder, other_file, new_folder_in, other_folder = synced

    assert [folder, new_folder_in, other_folder] == [str(root / "ab"), str(root), str(root / "ac")]
    assert file.startswith(str(root / "tmp"))
    assert other_file.startswith(str(root / "tmp"))


def test_every_new_folder_on_the_way_is_made_durable(tmp_path, monkeypatch):
    synced = noted_syncs(monkeypatch)
    ObjectFolder(tmp_path / "a" / "b").close()

    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
