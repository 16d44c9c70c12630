"""An encrypted way to the object store is one to the host that was asked for, or there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.minio.object_store import MinioObjectStore
from domain.errors import BackendUnavailable, InvalidConfiguration
from tests.authority import Authority
from tests.wire import Wire


@pytest.mark.parametrize(
    ("host", "is_known", "sentence"),
    [
        ("localhost", True, ""),
        ("127.0.0.1", True, r"(?i)certificate verify failed|doesn't match|not valid for"),
        ("localhost", False, r"(?i)certificate verify failed"),
    ],
)
async def test_a_strange_host_or_authority_gets_no_object(
    minio, tmp_path: Path, host: str, is_known: bool, sentence: str
) -> None:
    authority = Authority()
    async with Wire(minio.host, minio.port, authority.door("localhost", tmp_path)) as wire:
        ca_file = authority.trusted(tmp_path) if is_known else ""
        settings = minio.settings(endpoint=f"{host}:{wire.port}", tls=True, ca_file=ca_file)
        minio.create(settings.bucket)
        store = MinioObjectStore(settings)
        if sentence:
            with pytest.raises(BackendUnavailable, match=sentence):
                await store.open()
        else:
            await store.open()
            assert (await store.health_check()).healthy
        await store.close()


@pytest.mark.parametrize(
    ("ca_file", "sentence"), [("missing.pem", "No such file"), (__file__, "it holds no certificates")]
)
async def test_a_file_that_names_no_authority_is_refused(minio, ca_file: str, sentence: str) -> None:
    store = MinioObjectStore(minio.settings(tls=True, ca_file=ca_file))
    with pytest.raises(InvalidConfiguration, match=f"objects.ca_file: .*{sentence}"):
        await store.open()
