"""The listener with a certificate: what it speaks, to whom, and how a renewed one takes its place."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from domain.errors import InvalidConfiguration
from domain.model.observations import CertificateRefused, CertificateRenewed
from entrypoints.client.reasons import of_connection
from entrypoints.http.tls import Certificate, TlsFiles
from tests.authority import Authority
from tests.integration.http.running import API, Observed, Running, running, task


class Place:
    """A certificate on the disk, and those who trust its authority."""

    def __init__(self, folder: Path) -> None:
        self.files = TlsFiles(folder / "server.pem", folder / "key.pem")
        self.authority = Authority()
        self.renew()

    def renew(self, host: str = "localhost") -> None:
        certificate, key = self.authority.signed(host)
        self.put(self.files.key, key, 0o600)
        self.put(self.files.certificate, certificate, 0o644)

    def put(self, path: Path, content: bytes, mode: int) -> None:
        """As programs that renew certificates do: a new file takes the place of the old one."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.chmod(mode)
        fresh.replace(path)

    def friend(self, *, lowest: ssl.TLSVersion | None = None, highest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        if highest is not None:
            context.minimum_version, context.maximum_version = lowest or highest, highest
        return context


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@asynccontextmanager
async def encrypted(place: Place, observed: Observed | None = None, minimum: str = "1.3") -> AsyncIterator[Running]:
    files = TlsFiles(place.files.certificate, place.files.key, minimum)
    certificate = Certificate(files, observed or Observed(), look_seconds=0.02)
    async with running(certificate=certificate) as service:
        yield service


async def shaken(service: Running, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject:
    """What both sides agreed upon."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.server.port, ssl=context, server_hostname=name)
    agreed = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return agreed  # type: ignore[no-any-return]


async def told(observed: Observed, kind: type) -> None:
    async with asyncio.timeout(10):
        while not observed.of(kind):  # noqa: ASYNC110  # an observation wakes nobody
            await asyncio.sleep(0.02)


async def test_a_client_that_trusts_the_authority_is_served_by_tls_1_3(place: Place) -> None:
    async with encrypted(place) as service, aiohttp.ClientSession() as session:
        address = f"https://localhost:{service.server.port}{API}/tasks/batch"
        assert service.server.url.startswith("https://")
        async with session.post(address, json={"tasks": [task()]}, ssl=place.friend()) as answer:
            assert answer.status == 202
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert (await shaken(service, place.friend())).version() == "TLSv1.3"


async def test_who_does_not_trust_it_or_asks_for_another_host_is_not_fooled(place: Place) -> None:
    async with encrypted(place) as service:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get local issuer"):
            await shaken(service, ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await shaken(service, place.friend(), "elsewhere.example")


@pytest.mark.parametrize(
    ("host", "knows", "sentence"),
    [("127.0.0.1", True, "for another name, which --url has to give"), ("localhost", False, "SSL_CERT_FILE names")],
)
async def test_commands_say_what_is_wrong_with_a_certificate(
    place: Place, host: str, knows: bool, sentence: str
) -> None:
    context = place.friend() if knows else ssl.create_default_context()
    async with encrypted(place) as service, aiohttp.ClientSession() as session:
        url = f"https://{host}:{service.server.port}"
        with pytest.raises(aiohttp.ClientConnectorCertificateError) as failed:
            await session.get(url, ssl=context)
    assert sentence in str(of_connection(url, failed.value))


async def test_tls_1_2_is_refused_unless_it_is_asked_for(place: Place) -> None:
    old = place.friend(highest=ssl.TLSVersion.TLSv1_2)
    async with encrypted(place) as service:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await shaken(service, old)
    async with encrypted(place, minimum="1.2") as service:
        assert (await shaken(service, old)).version() == "TLSv1.2"


async def test_clear_text_gets_no_answer(place: Place) -> None:
    async with encrypted(place) as service:
        assert b"HTTP" not in await service.raw(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await shaken(service, place.friend())).version() == "TLSv1.3"


async def test_a_renewed_certificate_is_shown_to_new_connections_and_the_open_ones_go_on(place: Place) -> None:
    observed = Observed()
    async with encrypted(place, observed) as service, aiohttp.ClientSession() as session:
        address = f"https://localhost:{service.server.port}/health/live"
        async with session.get(address, ssl=place.friend()) as answer:
            connection = answer.connection and answer.connection.transport
        before = (await shaken(service, place.friend())).getpeercert()
        place.renew()
        await told(observed, CertificateRenewed)
        after = (await shaken(service, place.friend())).getpeercert()
        nameless = place.friend()
        nameless.check_hostname = False
        assert (await shaken(service, nameless, "127.0.0.1")).getpeercert() == after
        async with session.get(address, ssl=place.friend()) as answer:
            assert answer.status == 200
            assert connection is (answer.connection and answer.connection.transport)
    assert before
    assert after
    assert before["serialNumber"] != after["serialNumber"]


async def test_half_a_renewal_serves_nobody_and_is_told_once(place: Place) -> None:
    observed = Observed()
    async with encrypted(place, observed) as service:
        _, stranger = place.authority.signed("localhost")
        place.put(place.files.key, stranger, 0o600)
        await told(observed, CertificateRefused)
        await asyncio.sleep(0.2)
        assert (await shaken(service, place.friend())).version() == "TLSv1.3"
        (refused,) = observed.of(CertificateRefused)
        assert "server.tls_key" in refused.detail
        place.files.certificate.unlink()
        await asyncio.sleep(0.1)
        place.renew()
        await told(observed, CertificateRenewed)


def unreadable(place: Place) -> None:
    place.files.certificate.unlink()


def open_to_all(place: Place) -> None:
    place.files.key.chmod(0o644)


def not_a_pair(place: Place) -> None:
    place.put(place.files.key, place.authority.signed("localhost")[1], 0o600)


def no_certificate(place: Place) -> None:
    place.files.certificate.write_bytes(b"-----BEGIN NONSENSE-----\n" + os.urandom(99))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (unreadable, "server.tls_certificate: .*server.pem cannot be read: No such file"),
        (open_to_all, "server.tls_key: .* is open to others than its owner .*chmod 600"),
        (not_a_pair, "server.tls_certificate, server.tls_key: .* are no certificate and its key"),
        (no_certificate, "are no certificate and its key, both as PEM"),
    ],
)
async def test_files_that_cannot_be_used_end_the_start_with_a_sentence(place: Place, fault, sentence: str) -> None:
    fault(place)
    with pytest.raises(InvalidConfiguration) as refused:
        async with encrypted(place):
            pass
    assert re.search(sentence, refused.value.detail)


async def test_an_encrypted_key_is_refused_without_asking_for_its_password(place: Place) -> None:
    key = load_pem_private_key(place.files.key.read_bytes(), None)
    closed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    place.put(place.files.key, closed, 0o600)
    with pytest.raises(InvalidConfiguration, match="the key is encrypted"):
        async with encrypted(place):
            pass
