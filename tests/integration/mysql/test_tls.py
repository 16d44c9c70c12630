"""An encrypted session is with the host that was asked for, or there is none."""

from __future__ import annotations

import ssl

import msgspec
import pytest
from pymysql.constants import CLIENT

from adapters.mysql.pool import MysqlPool
from adapters.sql.pool import PoolLimits
from domain.errors import BackendUnavailable, StartFailure
from tests.authority import Authority
from tests.integration.mysql.conftest import placed
from tests.integration.mysql.peers import Relay, listening
from tests.servers import MariaDb, MySql

FILES = ("ca", "cert", "key")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module", params=[MariaDb, MySql], ids=lambda kind: kind.name)
def place(request, authority):
    """A server whose certificate is for ``localhost``."""
    content = dict(zip(FILES, (authority.certificate, *authority.signed("localhost")), strict=True))
    options = [f"--ssl-{name}=/{name}.pem" for name in FILES]
    with request.param(*options, files={f"/{name}.pem": content[name] for name in FILES}) as machine:
        yield placed(machine.root, host="localhost")


@pytest.fixture
def trusting(authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.certificate.decode())


def pool_with(place, tls, **changes) -> MysqlPool:
    return MysqlPool(msgspec.structs.replace(place, **changes), tls, PoolLimits(ready=2, connect_seconds=2))


async def refusal(place, tls, kind: type[Exception] = StartFailure, **changes) -> str:
    with pytest.raises(kind) as found:
        await pool_with(place, tls, **changes).open()
    assert place.secret() not in found.value.detail
    return found.value.detail


async def test_a_session_with_the_right_host_is_encrypted(place, trusting):
    pool = pool_with(place, trusting)
    await pool.open()
    async with pool.acquire(10) as connection:
        ((_, cipher),) = await connection.fetch("SHOW STATUS LIKE 'Ssl_cipher'")
        assert await connection.fetchval("SELECT REPEAT('x', 1000000)") == "x" * 1_000_000
    await pool.close()
    assert cipher


async def test_a_session_without_tls_is_not(place):
    pool = pool_with(place, None, host="127.0.0.1")
    await pool.open()
    async with pool.acquire(10) as connection:
        assert await connection.fetch("SHOW STATUS LIKE 'Ssl_cipher'") == [("Ssl_cipher", "")]
    await pool.close()


async def test_an_unknown_authority_is_not_trusted(place):
    others = ssl.create_default_context(cadata=Authority().certificate.decode())
    for tls in (ssl.create_default_context(), others):
        said = await refusal(place, tls)
        assert "fails the TLS handshake: " in said
        assert said.endswith("See `tls_ca`.")


async def test_the_certificate_of_another_host_is_refused(place, trusting):
    assert "certificate is not valid for '127.0.0.1'" in await refusal(place, trusting, host="127.0.0.1")


async def test_who_takes_tls_out_of_the_greeting_learns_nothing(place, trusting):
    relay = Relay(place.host, place.port)
    relay.hidden = CLIENT.SSL
    async with listening(relay) as port:
        assert "speaks no TLS, which `tls` requires" in await refusal(place, trusting, port=port)

    assert relay.seen == b""


async def test_who_stalls_the_encryption_is_given_up(place, trusting):
    relay = Relay(place.host, place.port)
    relay.bait, relay.answer = b"\x00" * 23, None  # what asks for encryption ends in so many
    async with listening(relay) as port:
        assert "does not answer within 2 s" in await refusal(place, trusting, BackendUnavailable, port=port)
