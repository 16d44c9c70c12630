"""Why a pool does not open: each reason is one sentence with the place and the cure, never the password."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from contextlib import contextmanager

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from domain.errors import BackendUnavailable, InvalidConfiguration, StartFailure
from domain.model.secret import Secret
from tests.integration.postgres.peers import HOST, listening, relay, silent, web


@pytest.fixture(scope="module")
def database(postgres):
    with postgres.database() as database:
        yield database


LIMITS = PoolLimits(ready=1, most=2, connect_seconds=2.0)


async def refusal(server, kind=StartFailure, *, tls=None, limits=LIMITS, **changes) -> str:
    """The one sentence."""
    changed = msgspec.structs.replace(server, **changes)
    pool = PostgresPool(changed, tls, limits)
    with pytest.raises(kind) as caught:
        await pool.open()
    detail = caught.value.detail
    assert "\n" not in detail
    assert changed.secret() not in detail
    return detail


async def test_an_unreachable_server_is_named_with_the_reason(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = await refusal(server, BackendUnavailable, port=port)
    assert said.startswith(f"PostgreSQL at 127.0.0.1:{port}/{server.database} cannot be reached: Connection refused. ")
    assert said.endswith("Start it, or correct `dsn`.")


async def test_a_host_that_has_no_address_is_unreachable(server):
    said = await refusal(server, BackendUnavailable, host="nowhere.invalid")
    assert "nowhere.invalid" in said
    assert "cannot be reached" in said


async def test_a_server_that_says_nothing_is_given_up(server):
    async with listening(silent) as port:
        limits = msgspec.structs.replace(LIMITS, connect_seconds=0.3)
        said = await refusal(server, BackendUnavailable, port=port, limits=limits)
    assert "does not answer within 0.3 s" in said


async def test_something_else_at_the_address_is_no_server(server):
    async with listening(web) as port:
        await refusal(server, BackendUnavailable, port=port)


async def test_a_wrong_password_is_told_with_the_user(server):
    said = await refusal(server, password=Secret("wr0ng"))
    assert f"refuses the password of user {server.user}. Correct `password`" in said


async def test_no_password_is_not_looked_for_elsewhere(server, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", server.secret())
    with pytest.raises(StartFailure, match="refuses the password"):
        await PostgresPool(msgspec.structs.replace(server, password=None), None, LIMITS).open()


async def test_a_password_file_that_is_not_there_is_named(server, tmp_path):
    pool = PostgresPool(msgspec.structs.replace(server, password_file=tmp_path / "nowhere"), None, LIMITS)
    with pytest.raises(InvalidConfiguration, match="nowhere cannot be read"):
        await pool.open()


async def test_a_wrong_database_is_told_with_the_statement_that_makes_it(server):
    said = await refusal(server, database="nowhere")
    assert "has no database nowhere. Create it (CREATE DATABASE \"nowhere\" ENCODING 'UTF8'" in said


async def test_a_user_who_may_not_enter_is_told_with_the_right_that_lacks(server, postgres):
    with postgres.database() as other:
        said = await refusal(server, database=other.name)
    assert f'GRANT CONNECT ON DATABASE "{other.name}" TO "{server.user}"' in said


async def test_a_database_in_another_encoding_is_refused(server, postgres):
    await asyncio.to_thread(
        postgres.execute,
        f"CREATE DATABASE latin OWNER {server.user} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    try:
        said = await refusal(server, database="latin")
    finally:
        await asyncio.to_thread(postgres.execute, "DROP DATABASE latin WITH (FORCE)")
    assert f"Database latin at {server.host}:{server.port}/latin is encoded in LATIN1" in said


async def test_a_server_that_is_too_old_is_refused(server, pool):
    def older(data: bytes) -> bytes:
        return data.replace(f"server_version\0{pool.version}".encode(), b"server_version\0" + b"12" + mark)

    mark = pool.version[2:].encode()
    async with listening(relay(server.port, older)) as port:
        said = await refusal(server, port=port)
    assert said == f"PostgreSQL 12 at {HOST}:{port}/{server.database} is too old; 13 or newer is needed."


async def test_a_server_that_takes_no_more_sessions_is_unavailable_and_fewer_than_wished_are_enough(
    server, postgres, database
):
    limit = f"ALTER DATABASE {database.name} CONNECTION LIMIT"
    await asyncio.to_thread(postgres.execute, f"{limit} 2")
    first = PostgresPool(server, None, PoolLimits(ready=5, most=5))
    await first.open()
    async with first.acquire(5), first.acquire(5):
        assert "too many connections" in await refusal(server, BackendUnavailable)
    await first.close()
    await asyncio.to_thread(postgres.execute, f"{limit} -1")


@contextmanager
def encrypting(postgres, name: str):
    """The server with a certificate for a name; yields its authority's certificate."""
    key, certificate = self_signed(name)
    script = 'umask 077; printf %s "$PEM" > "$FILE"; [ "$(id -u)" != 0 ] || chown postgres "$FILE"'
    for file, pem in (("server.key", key), ("server.crt", certificate)):
        folder = postgres.execute("SHOW data_directory")
        postgres.run("sh", "-c", script, environment={"PEM": pem, "FILE": f"{folder}/{file}"})
    postgres.execute("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
    try:
        yield certificate
    finally:
        postgres.execute("ALTER SYSTEM RESET ssl", "SELECT pg_reload_conf()")


def self_signed(name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


async def test_tls_is_used_where_the_certificate_names_the_host_and_refused_where_it_does_not(server, postgres):
    with encrypting(postgres, "localhost") as certificate:
        await asyncio.sleep(0.5)
        trusting = ssl.create_default_context(cadata=certificate)
        pool = PostgresPool(msgspec.structs.replace(server, host="localhost"), trusting, LIMITS)
        await pool.open()
        async with pool.acquire(5) as connection:
            encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert await connection.fetchval(encrypted) is True
        await pool.close()

        said = await refusal(server, tls=trusting, host="127.0.0.1")
        assert "fails the TLS handshake: " in said
        assert "127.0.0.1" in said
        said = await refusal(server, tls=ssl.create_default_context(), host="localhost")
        assert "fails the TLS handshake: self" in said


async def test_a_server_without_tls_is_refused_where_tls_is_required(server):
    said = await refusal(server, tls=ssl.create_default_context())
    assert said.endswith("speaks no TLS, which `tls` requires.")
