"""Opening the backend, and every way in which its database can fail it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from adapters.mysql.backend_type import MysqlSettings
from domain.errors import BackendUnavailable, SchemaMismatch, StartFailure
from domain.model.query import EVERYTHING, Query, Sort
from domain.model.records import ConditionalWrite
from domain.model.secret import Secret
from domain.model.translation import TASKS
from persistence_contract.records import record
from sql import migrations
from tests.integration.mysql.conftest import backend_at, killed


async def refusal(place, kind=StartFailure, **changes) -> str:
    """The one sentence of a start that fails."""
    backend = backend_at(msgspec.structs.replace(place, **changes))
    with pytest.raises(kind) as found:
        await backend.open()
    assert "\n" not in found.value.detail
    assert place.secret() not in found.value.detail
    return found.value.detail


async def scan(backend) -> None:
    async for _ in backend.scan(TASKS, EVERYTHING):
        pass


METHODS = {
    "write": lambda backend: backend.write(TASKS, [record("a", 5, 5)]),
    "write_with_verdicts": lambda backend: backend.write(TASKS, [record("a", 5, 5)], verdicts=True),
    "write_conditional": lambda backend: backend.write_conditional(TASKS, [ConditionalWrite(record("a", 5, 5), 1)]),
    "read": lambda backend: backend.read(TASKS, "a"),
    "query": lambda backend: backend.query(TASKS, Query(sort=(Sort("task_id"),))),
    "delete": lambda backend: backend.delete(TASKS, "a"),
    "count_by": lambda backend: backend.count_by(TASKS, "status", EVERYTHING),
    "scan": scan,
}


async def test_a_database_without_tables_says_how_to_make_them(place):
    steps, said = len(migrations("mysql")), await refusal(place)
    assert said.endswith(
        f"lacks {steps} of {steps} migrations, the first is 0001_expand_translation_sessions.sql."
        " Run: persistence migrate"
    )


async def test_a_server_that_lets_nobody_in_ends_the_start_and_one_that_is_not_there_does_not(place):
    assert "refuses user" in await refusal(place, password=Secret("wr0ng"))
    assert "cannot be reached: Connection refused" in await refusal(place, BackendUnavailable, port=1)


ALTER = "ALTER TABLE translation_tasks"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"{ALTER} DROP COLUMN error_message", "lacks the column error_message"),
        ("DROP TABLE translation_tasks", "lacks the column task_id"),
        (f"{ALTER} MODIFY priority TEXT NOT NULL", "is text, not int or bigint"),
        (f"{ALTER} MODIFY revision INT NOT NULL", "is int, not bigint"),
        (f"{ALTER} MODIFY status VARCHAR(16)", "takes null"),
        (f"{ALTER} MODIFY batch_id VARBINARY(255) NOT NULL", "does not take null"),
        (f"{ALTER} MODIFY status VARCHAR(16) COLLATE utf8mb4_unicode_ci NOT NULL", "has the collation utf8mb4_uni"),
        (f"{ALTER} MODIFY status VARCHAR(16) COLLATE utf8mb4_bin NOT NULL", "has the collation utf8mb4_bin"),
        (f"{ALTER} MODIFY task_id VARCHAR(255) NOT NULL", "task_id is varchar, not varbinary"),
        (f"{ALTER} MODIFY status VARCHAR(8) NOT NULL", "translation_tasks.status is too short"),
        (f"{ALTER} MODIFY session_id VARBINARY(64) NOT NULL", "translation_tasks.session_id is too short"),
        (f"{ALTER} MODIFY source_text TEXT NOT NULL", "translation_tasks.source_text is too short"),
        (f"{ALTER} ENGINE = MyISAM", "is not kept by InnoDB"),
        (f"{ALTER} ADD UNIQUE (session_id)", "needs task_id as its primary key and no other unique key"),
        (f"{ALTER} DROP PRIMARY KEY, ADD PRIMARY KEY (session_id)", "needs task_id as its primary key"),
        (f"{ALTER} DROP PRIMARY KEY, ADD PRIMARY KEY (task_id, session_id)", "needs task_id as its primary key"),
    ],
    ids=lambda part: part.removeprefix(ALTER).strip()[:40],
)
async def test_a_table_that_differs_is_refused_with_the_difference(place, connection, change, said):
    await backend_at(place).migrate()
    await connection.execute(change)

    found = await refusal(place)
    assert "translation_tasks" in found
    assert said in found


async def test_a_table_that_has_more_serves_as_well(place, connection):
    await backend_at(place).migrate()
    await connection.execute(f"{ALTER} ADD note VARCHAR(20), ADD KEY mine (priority)")
    backend = backend_at(place)
    await backend.open()
    await backend.write(TASKS, [record("a")])
    assert await backend.read(TASKS, "a") == record("a")
    await backend.close()


async def test_a_user_who_lacks_a_right_is_told_which(machine, own_place):
    place, user = own_place, f"'{own_place.user}'@'%'"
    await backend_at(place).migrate()
    await asyncio.to_thread(machine.execute, f"REVOKE ALL ON {place.database}.* FROM {user}")
    for rights, lacking in (
        ("SELECT", "INSERT, UPDATE command denied"),
        ("INSERT", "UPDATE command denied"),
        ("UPDATE", "DELETE command denied"),
    ):
        await asyncio.to_thread(machine.execute, f"GRANT {rights} ON {place.database}.* TO {user}")
        said = await refusal(place)
        assert lacking in said
        assert said.endswith("Grant the user SELECT, INSERT, UPDATE and DELETE.")
    await asyncio.to_thread(machine.execute, f"GRANT DELETE ON {place.database}.* TO {user}")
    limited = backend_at(place)
    await limited.open()
    assert (await limited.write(TASKS, [record("a")])).applied == 1
    await limited.close()


async def test_opening_changes_nothing(backend, connection):
    assert await connection.fetchval("SELECT COUNT(*) FROM translation_tasks") == 0
    assert await connection.fetchval("SELECT COUNT(*) FROM translation_sessions") == 0


async def test_a_closed_backend_is_unavailable(place):
    for method in METHODS.values():
        with pytest.raises(BackendUnavailable, match="not open"):
            await method(backend_at(place))


async def test_a_missing_table_is_a_schema_mismatch_for_every_method(backend, connection):
    await connection.execute("DROP TABLE translation_tasks")
    for method in METHODS.values():
        with pytest.raises(SchemaMismatch, match="translation_tasks"):
            await method(backend)


async def test_a_server_that_is_killed_is_unavailable_for_every_method_and_loses_nothing(backend, machine):
    await backend.write(TASKS, [record("a")])
    async with killed(machine):
        for method in METHODS.values():
            with pytest.raises(BackendUnavailable):
                await method(backend)
        assert not (await backend.health_check()).healthy

    assert await backend.read(TASKS, "a") == record("a")
    assert (await backend.health_check()).healthy


async def test_a_server_that_takes_no_writes_is_unavailable_until_it_does(backend, machine):
    await asyncio.to_thread(machine.execute, "SET GLOBAL read_only = 1")
    try:
        with pytest.raises(BackendUnavailable, match="read-only"):
            await backend.write(TASKS, [record("a")])
        assert await backend.read(TASKS, "a") is None
    finally:
        await asyncio.to_thread(machine.execute, "SET GLOBAL read_only = 0")
    assert (await backend.write(TASKS, [record("a")])).applied == 1


async def test_it_can_be_judged_beforehand(place):
    with pytest.raises(StartFailure, match="persistence migrate"):
        await backend_at(place).probe()
    await backend_at(place).migrate()
    outlook = await backend_at(place).probe()

    assert outlook.detail.startswith(("MariaDB 10.", "MySQL 9."))
    assert not outlook.warning


def test_the_settings_show_no_password(database):
    settings = MysqlSettings(dsn=Secret(database.dsn))
    assert database.password not in str(msgspec.to_builtins(settings, enc_hook=repr))
