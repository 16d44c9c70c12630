"""Objects in a bucket of MinIO, S3, or what speaks like them; every request is made in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec
from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error
from urllib3 import BaseHTTPResponse, Retry, Timeout

from adapters.minio.ahead import PartsAhead
from adapters.minio.clock import TimedPool
from adapters.minio.errors import are_keys_refused, refusals
from adapters.minio.links import public_url, signed_link
from adapters.minio.settings import MinioSettings
from adapters.minio.upload import Upload, parts_of
from adapters.threads import in_object_thread
from adapters.trust import trusting
from domain.errors import (
    BackendError,
    BackendUnavailable,
    DigestMismatch,
    InvalidConfiguration,
    ObjectExists,
    ObjectNotFound,
)
from domain.model.links import Link, Shown, Validity
from domain.model.objects import StoredObject, Written, checked_name
from domain.model.records import HealthStatus
from ports.object_store import PIECE_BYTES, PORTION

T = TypeVar("T")
_CONNECTIONS = 32


class MinioObjectStore:
    """A bucket of its own, which must exist."""

    def __init__(self, settings: MinioSettings) -> None:
        self._settings = settings
        self._client: Minio | None = None
        self._pool: TimedPool | None = None
        self._closed = "The object store is not open."  # and why, where it could not be opened

    async def open(self) -> None:
        """See whether the bucket is there, and whether the store keeps its word on conditions.

        Raises InvalidConfiguration, BackendUnavailable.
        """
        if self._client is None:
            self._pool = _pool(self._settings)
            client = _client(self._settings, self._pool)
            public_url(self._settings, "GET", "probe")
            try:
                await in_object_thread(self._examine, client)
            except BackendError as error:
                self._closed = error.detail
                raise
            self._client = client

    async def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            self._client._http.clear()
            self._client = None

    async def put(self, name: str, content: AsyncIterable[bytes], *, sha256: bytes | None = None) -> Written:
        """Send parts as they fill, and complete the object under the condition that it is new."""
        parts = PartsAhead(self._upload(self._opened, checked_name(name)))
        digest, size = hashlib.sha256(), 0
        try:
            async for part, is_last in parts_of(content):
                await in_object_thread(digest.update, part)
                size += len(part)
                if is_last and sha256 not in (None, digest.digest()):
                    raise DigestMismatch
                await (parts.finish if is_last else parts.add)(part)
        except BaseException:
            await parts.abort()
            raise
        return Written(size, digest.digest())

    async def get(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Read the answer piece by piece."""
        checked_name(name)
        if length == 0:  # which the driver takes for everything
            await self._call(name, self._opened.stat_object, self._settings.bucket, name)
            return
        answer = await in_object_thread(self._answer, self._opened, name, start, length)
        if answer is None:
            return
        reading = asyncio.create_task(self._call(name, answer.read, PIECE_BYTES))
        try:
            while piece := await reading:
                reading = asyncio.create_task(self._call(name, answer.read, PIECE_BYTES))  # while this one is sent on
                yield piece
        finally:
            await asyncio.gather(reading, return_exceptions=True)
            await in_object_thread(_end, answer)

    async def stat(self, name: str) -> StoredObject | None:
        """Size and time of an object."""
        checked_name(name)
        try:
            return _described(await self._call(name, self._opened.stat_object, self._settings.bucket, name))
        except ObjectNotFound:
            return None

    async def delete(self, name: str) -> None:
        """Remove an object."""
        checked_name(name)
        await self._call(name, self._opened.remove_object, self._settings.bucket, name)

    async def list(self, prefix: str = "") -> AsyncIterator[Sequence[StoredObject]]:
        """Page by page."""
        found = self._opened.list_objects(self._settings.bucket, prefix=prefix or None, recursive=True)
        while portion := await self._call("", _next_of, found):
            yield portion

    def link_to_get(self, name: str, valid: Validity, shown: Shown) -> Link:
        """What the store shall say of the object is signed, as all of the address is."""
        query = {
            "response-content-type": shown.content_type,
            "response-content-disposition": shown.disposition,
            "response-cache-control": "no-cache",
        }
        return self._linked("GET", name, valid, query=query)

    def link_to_put(self, name: str, valid: Validity, *, size: int, sha256: bytes) -> Link:
        """Size, digest, and that the object is new are signed headers."""
        headers = {
            "Content-Length": str(size),
            "If-None-Match": "*",
            "x-amz-checksum-sha256": b64encode(sha256).decode(),
        }
        return self._linked("PUT", name, valid, headers=headers)

    def _linked(self, method: str, name: str, valid: Validity, **signed: Mapping[str, str]) -> Link:
        """A link that begins by the store's clock, or one of a minute might be over before it is given."""
        theirs = msgspec.structs.replace(valid, since=self._pool.theirs(valid.since)) if self._pool else valid
        link = signed_link(self._settings, method, checked_name(name), theirs, **signed)
        return msgspec.structs.replace(link, expires_at=valid.since + timedelta(seconds=valid.seconds))

    async def health_check(self) -> HealthStatus:
        """Ask for the bucket."""
        begun = time.perf_counter()
        try:
            there = await self._call("", self._opened.bucket_exists, self._settings.bucket)
        except BackendError as error:
            healthy, detail = False, error.detail
        else:
            healthy = there
            detail = f"S3 at {self._settings.endpoint}" if there else self._missing()
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.perf_counter() - begun)

    @property
    def _opened(self) -> Minio:
        if self._client is None:
            raise BackendUnavailable(self._closed)
        return self._client

    async def _call(self, name: str, call: Callable[..., T], *args: object, **kwargs: object) -> T:
        def refused() -> T:
            with refusals(self._settings.endpoint, name):
                return call(*args, **kwargs)

        return await in_object_thread(refused)

    def _upload(self, client: Minio, name: str) -> Upload:
        return Upload(client, self._settings.endpoint, self._settings.bucket, name)

    def _answer(self, client: Minio, name: str, start: int, length: int | None) -> BaseHTTPResponse | None:
        """An answer to read from; None where the part is past the end."""
        with refusals(self._settings.endpoint, name):
            try:
                return client.get_object(self._settings.bucket, name, offset=start, length=length or 0)
            except S3Error as error:
                if error.code != "InvalidRange":
                    raise
        return None

    def _examine(self, client: Minio) -> None:
        settings = self._settings
        with refusals(settings.endpoint):
            try:
                there = client.bucket_exists(settings.bucket)
            except ValueError as error:
                raise InvalidConfiguration(
                    f"objects.bucket: {settings.bucket!r} is no bucket's name: {error}."
                ) from error
            except S3Error as error:
                if not are_keys_refused(error):
                    raise
                raise InvalidConfiguration(
                    f"objects.access_key: the object store at {settings.endpoint} refuses these keys, or they have no "
                    f"right to bucket {settings.bucket!r}."
                ) from error
            if not there:
                raise InvalidConfiguration(self._missing())
        name = f"probe-{uuid.uuid4().hex}"
        self._upload(client, name).finish(b"")
        try:
            self._see_refused(client, name)
        finally:
            with refusals(settings.endpoint):
                client.remove_object(settings.bucket, name)

    def _see_refused(self, client: Minio, name: str) -> None:
        """Whether a second object of one name is refused, as a single request and in parts."""
        several = self._upload(client, name)
        several.begin()
        several.add(b"", 1)
        try:
            for attempt in (partial(self._upload(client, name).finish, b""), several.complete):
                try:
                    attempt()
                except ObjectExists:
                    continue
                raise InvalidConfiguration(
                    f"The object store at {self._settings.endpoint} ignores `If-None-Match`: it would replace objects. "
                    "Use one that keeps the condition."
                )
        finally:
            several.abort()

    def _missing(self) -> str:
        return f"The object store at {self._settings.endpoint} has no bucket {self._settings.bucket!r}; make it first."


def _pool(settings: MinioSettings) -> TimedPool:
    """Connections that never wait longer than they are told: others would for as long as a busy store says."""
    retries = Retry(connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False)
    timeout = Timeout(connect=settings.connect_seconds, read=settings.read_seconds)
    trusted = trusting(settings.ca_file, "objects.ca_file") if settings.tls else None
    return TimedPool(timeout=timeout, retries=retries, maxsize=_CONNECTIONS, ssl_context=trusted)


def _client(settings: MinioSettings, pool: TimedPool) -> Minio:
    if not settings.endpoint:
        raise InvalidConfiguration("objects.endpoint: the host of the object store is missing.")
    try:
        return Minio(
            settings.endpoint,
            access_key=settings.access_key.reveal(),
            secret_key=settings.secret_key.reveal(),
            region=settings.region,
            secure=settings.tls,
            http_client=pool,
        )
    except ValueError as error:
        raise InvalidConfiguration(
            f"objects.endpoint: {settings.endpoint!r} is no host with a port: {error}."
        ) from error


def _next_of(found: Iterator[Object]) -> list[StoredObject]:
    return [_described(one) for one in islice(found, PORTION)]


def _described(found: Object) -> StoredObject:
    name, size, stored_at = found.object_name, found.size, found.last_modified
    if name is None or size is None or stored_at is None:
        raise BackendUnavailable(f"The object store does not say all that S3 says of an object: {found.object_name!r}.")
    return StoredObject(name=name, size=size, stored_at=stored_at)


def _end(answer: BaseHTTPResponse) -> None:
    answer.close()
    answer.release_conn()
