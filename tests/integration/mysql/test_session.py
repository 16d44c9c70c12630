"""A session takes no risk that the driver would take, and believes no peer."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest
from pymysql.constants import CLIENT

from adapters.mysql.pool import MysqlPool
from adapters.mysql.session import Session
from adapters.sql.pool import PoolLimits
from domain.errors import BackendError, BackendUnavailable, RecordRefused, SchemaMismatch, StartFailure
from domain.model.secret import Secret
from tests.integration.mysql.peers import Relay, leaving, listening, silent, web

STACKED = "DO 1; INSERT INTO t VALUES (1)"


async def refusal(place, kind: type[Exception] = BackendUnavailable, **changes) -> str:
    """What is said when a pool cannot be opened."""
    pool = MysqlPool(msgspec.structs.replace(place, **changes), None, PoolLimits(ready=2, connect_seconds=0.5))
    with pytest.raises(kind) as found:
        await pool.open()
    assert place.secret() not in found.value.detail
    return found.value.detail


async def test_a_second_statement_is_refused(connection):
    await connection.execute("CREATE TABLE t (n INT)")
    with pytest.raises(SchemaMismatch, match="1064"):
        await connection.execute(STACKED)

    assert await connection.fetchval("SELECT COUNT(*) FROM t") == 0


async def test_it_is_the_flag_that_keeps_a_second_statement_out(connection, place):
    await connection.execute("CREATE TABLE t (n INT)")
    session = Session(place, place.secret())
    session.client_flag |= CLIENT.MULTI_STATEMENTS
    await session.open()
    await session.run(STACKED.encode())
    await session.run(b"DO 1")
    session.leave()

    assert await connection.fetchval("SELECT COUNT(*) FROM t") == 1


async def test_the_server_may_not_ask_for_a_file_because_a_statement_says_so(connection):
    await connection.execute("CREATE TABLE t (line TEXT)")
    with pytest.raises(BackendError, match=r"not allowed|disabled"):
        await connection.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")

    assert await connection.fetchval("SELECT COUNT(*) FROM t") == 0


async def test_a_server_that_asks_for_a_file_of_its_own_accord_gets_none(place):
    relay = Relay(place.host, place.port)
    relay.bait, relay.answer = b"bait", b"\xfb/etc/passwd"
    async with listening(relay) as port:
        pool = MysqlPool(msgspec.structs.replace(place, port=port), None, PoolLimits(ready=1))
        await pool.open()
        with pytest.raises(BackendUnavailable, match="does not speak MySQL's protocol as expected"):
            async with pool.acquire(5) as connection:
                await connection.fetch("SELECT 'bait'")
        sent, relay.seen = relay.seen, b""
        async with pool.acquire(5) as connection:
            assert await connection.fetchval("SELECT 'again'") == "again"
        await pool.close()

    assert b"root:" not in sent
    assert CLIENT.CONNECT_ATTRS & int.from_bytes(relay.seen[4:8], "little")  # a new session: the former one is gone


async def test_a_session_is_strict_and_speaks_utf8(connection):
    modes, *rest = await connection.fetchrow(
        "SELECT @@sql_mode, @@autocommit, @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@lc_messages,"
        " @@character_set_client, @@character_set_connection, @@character_set_results"
    )
    assert set(modes.split(",")) == {"STRICT_ALL_TABLES", "NO_ENGINE_SUBSTITUTION"}
    assert rest == [1, 5, 5, "en_US", "utf8mb4", "utf8mb4", "utf8mb4"]
    variable = "tx_isolation" if connection.product.is_mariadb else "transaction_isolation"
    assert await connection.fetchval(f"SELECT @@{variable}") == "READ-COMMITTED"

    await connection.execute("CREATE TABLE t (few VARCHAR(3) NOT NULL, small TINYINT NOT NULL)")
    for values in ("'four', 1", "'x', 1000", "'x', 'y'", "NULL, 1"):
        with pytest.raises(RecordRefused):
            await connection.execute(f"INSERT INTO t VALUES ({values})")
    assert await connection.fetchval("SELECT COUNT(*) FROM t") == 0


@pytest.mark.parametrize(
    ("modes", "autocommit", "character_set"),
    [
        ("STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES", 1, "utf8mb4"),
        ("STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES", 1, "utf8mb4"),
        ("", 1, "utf8mb4"),
        ("STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", 0, "utf8mb4"),
        ("STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", 1, "gbk"),
    ],
)
async def test_a_session_whose_settings_do_not_hold_is_not_used(place, modes, autocommit, character_set):
    session = Session(place, place.secret())
    with pytest.raises(StartFailure, match="does not take the settings"):
        session._checked("10.11.1-MariaDB", "", 1, modes, autocommit, "utf8mb4", character_set, "utf8mb4")


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (silent, "does not answer within 0.5 s"),
        (leaving, "Lost connection"),
        (web, "does not speak MySQL's protocol as expected"),
    ],
    ids=["silent", "leaving", "web"],
)
async def test_a_peer_that_is_no_server_is_an_outage(place, peer, said):
    async with listening(peer) as port:
        assert said in await refusal(place, host="127.0.0.1", port=port)


@pytest.mark.parametrize("preparing", [False, True], ids=["handshake", "preparation"])
async def test_a_server_that_stalls_on_the_way_in_is_given_up(place, preparing):
    relay = Relay(place.host, place.port)
    relay.bait, relay.answer = b"SET NAMES" if preparing else place.database.encode(), None
    async with listening(relay) as port:
        assert "does not answer within 0.5 s" in await refusal(place, port=port)


async def test_each_way_of_not_getting_in_is_one_sentence(place):
    assert "cannot be reached: Connection refused. Start it, or correct `dsn`." in await refusal(place, port=1)
    assert "cannot be reached: " in await refusal(place, host="nowhere.invalid")
    for password in (Secret("wrong"), None):
        said = await refusal(place, StartFailure, password=password)
        assert f"refuses user {place.user} or the password. Correct `dsn`, `password` or `password_file`" in said
    said = await refusal(place, StartFailure, database="elsewhere")
    assert f"Run: GRANT ALL ON `elsewhere`.* TO '{place.user}'@'%'" in said


async def test_a_database_that_is_not_there_is_named(machine, place):
    root = machine.root
    changes = {"user": root.user, "password": Secret(root.password), "database": "elsewhere"}
    said = await refusal(place, StartFailure, **changes)
    assert "has no database elsewhere. Run: CREATE DATABASE `elsewhere`" in said


@pytest.mark.parametrize("machine", ["mysql"], indirect=True)  # MariaDB speaks of a wrong password
async def test_a_server_that_takes_encrypted_sessions_only_says_so(machine, place):
    # By the socket, which counts as secure: over TCP without TLS the way back would be barred.
    by_socket = (machine.name, "--user=root", "--execute")
    password = {"MYSQL_PWD": machine.root.password}
    machine.run(*by_socket, "SET GLOBAL require_secure_transport = 1", environment=password)
    try:
        said = await refusal(place, StartFailure)
    finally:
        machine.run(*by_socket, "SET GLOBAL require_secure_transport = 0", environment=password)
    told = {  # MariaDB answers as if the password were wrong
        "mysql": 'takes encrypted sessions only. Set `tls = "required"`.',
        "mariadb": f"refuses the password of user {place.user}",
    }
    assert told[machine.name] in said


async def test_a_server_that_is_too_old_is_refused(machine, place):
    relay = Relay(place.host, place.port)
    relay.altered, said = {
        "mariadb": ((b"10.11.", b"10.05."), r"MariaDB 10\.5\.\d+ is too old; 10\.6\.0 or newer is needed\."),
        "mysql": ((b"9.7.", b"5.7."), r"MySQL 5\.7\.\d+ is too old; 8\.0\.19 or newer is needed\."),
    }[machine.name]
    async with listening(relay) as port:
        assert re.search(said, await refusal(place, StartFailure, port=port))


async def test_a_password_may_have_any_character(machine, own_place):
    machine.execute(f"ALTER USER '{own_place.user}'@'%' IDENTIFIED BY 'pä\\\\ss 🌍 wörd\\''")
    pool = MysqlPool(msgspec.structs.replace(own_place, password=Secret("pä\\ss 🌍 wörd'")), None, PoolLimits(ready=1))
    await pool.open()
    await pool.close()


async def test_a_password_file_is_read_at_each_connect(machine, own_place, tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{own_place.secret()}\n")
    pool = MysqlPool(msgspec.structs.replace(own_place, password=None, password_file=file), None, PoolLimits(ready=1))
    await pool.open()
    machine.execute(f"ALTER USER '{own_place.user}'@'%' IDENTIFIED BY 'new'")
    file.write_text("new")
    async with pool.acquire(5), pool.acquire(5) as second:
        assert await second.fetchval("SELECT 1") == 1

    file.unlink()
    with pytest.raises(SchemaMismatch, match="password file"):
        async with pool.acquire(5), pool.acquire(5), pool.acquire(5):
            pass
    await pool.close()


async def test_binary_columns_come_as_text_and_other_values_as_they_are(connection):
    row = await connection.fetchrow("SELECT CAST('é🌍' AS BINARY), 'é', 9223372036854775807, -1, NULL, ''")

    assert row == ("é🌍", "é", 9223372036854775807, -1, None, "")


async def test_a_cancelled_call_never_leaves_its_answer_to_another(place):
    pool = MysqlPool(place, None, PoolLimits(ready=4, most=4, overflow=0))
    await pool.open()

    async def ask(number: int) -> bool:
        async with pool.acquire(30) as connection:
            return await connection.fetchval(f"SELECT {number} FROM (SELECT SLEEP(0.002)) AS slow") == number

    async def hurried(number: int) -> bool | None:
        asking = asyncio.create_task(ask(number))
        await asyncio.sleep(number % 17 / 2000)
        asking.cancel()
        try:
            return await asking
        except asyncio.CancelledError:
            return None

    answers = await asyncio.gather(*(hurried(number) if number % 3 else ask(number) for number in range(240)))
    assert False not in answers
    assert None in answers
    assert answers.count(True) >= 80
    await pool.close()
