"""Opening the backend, and every way in which its database can fail it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from adapters.postgres.backend_type import PostgresSettings
from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from domain.errors import BackendUnavailable, InvalidConfiguration, SchemaMismatch, StartFailure
from domain.model.built_in import BUILT_IN
from domain.model.query import EVERYTHING, Query, Sort
from domain.model.records import ConditionalWrite
from domain.model.secret import Secret
from domain.model.translation import TASKS
from persistence_contract.records import record
from sql import migrations


async def refusal(backend, password: str, kind=StartFailure) -> str:
    """The one sentence."""
    with pytest.raises(kind) as caught:
        await backend.open()
    assert "\n" not in caught.value.detail
    assert password not in caught.value.detail
    return caught.value.detail


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


async def test_a_database_without_tables_says_how_to_make_them(build, database):
    steps, said = len(migrations("postgres")), await refusal(build(), database.password)
    assert said.endswith(
        f"lacks {steps} of {steps} migrations, the first is 0001_expand_translation_sessions.sql."
        " Run: persistence migrate"
    )


async def test_a_server_that_lets_nobody_in_ends_the_start_and_one_that_is_not_there_does_not(build, database):
    wrong = Secret(f"postgresql://{database.user}:wr0ng@{database.host}:{database.port}/{database.name}")
    assert "refuses the password of user" in await refusal(build(dsn=wrong), "wr0ng")
    nowhere = Secret(f"postgresql://{database.user}:wr0ng@{database.host}:1/{database.name}")
    assert "cannot be reached: " in await refusal(build(dsn=nowhere), "wr0ng", BackendUnavailable)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE translation_tasks DROP COLUMN error_message", "lacks the column error_message"),
        ("ALTER TABLE translation_tasks ALTER priority TYPE text", "is text, not integer"),
        ("ALTER TABLE translation_tasks ALTER revision TYPE integer", "is integer, not bigint"),
        ("ALTER TABLE translation_tasks ALTER status DROP NOT NULL", "takes null"),
        ("ALTER TABLE translation_tasks ALTER batch_id SET NOT NULL", "does not take null"),
        (
            'ALTER TABLE translation_tasks ALTER task_id TYPE text COLLATE "default"',
            "Column translation_tasks.task_id has the collation of the database, not C",
        ),
        (
            'ALTER TABLE translation_tasks ALTER session_id TYPE text COLLATE "POSIX"',
            "has the collation POSIX, not C",
        ),
        ("DROP TABLE translation_tasks", "lacks the column task_id"),
    ],
    ids=lambda part: part.split()[-1],
)
async def test_a_table_that_differs_is_refused_with_the_difference(backend, build, database, change, said):
    async with backend._pool.acquire(10) as connection:
        await connection.execute(change)

    found = await refusal(build(), database.password)
    assert "translation_tasks" in found
    assert said in found


@pytest.fixture
def reader(postgres):
    """A role without rights, which outlives the database."""
    postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'r'")
    yield "reader"
    postgres.execute("DROP ROLE reader")


@pytest.fixture
async def superuser(postgres, server):
    """Runs statements in the database as one who may do everything."""
    root = msgspec.structs.replace(server, user=postgres.root.user, password=Secret(postgres.root.password))
    pool = PostgresPool(root, None, PoolLimits(ready=1, most=1))
    await pool.open()

    async def execute(*statements: str) -> None:
        async with pool.acquire(10) as connection:
            for statement in statements:
                await connection.execute(statement)

    yield execute
    await pool.close()


async def test_a_user_who_lacks_a_right_is_told_which(reader, backend, build, database, superuser):
    limited = build(dsn=Secret(f"postgresql://{reader}:r@{database.host}:{database.port}/{database.name}"))
    tables = ", ".join(collection.name for collection in BUILT_IN)

    assert "GRANT CONNECT ON DATABASE" in await refusal(limited, "r!")
    await superuser(f"GRANT CONNECT ON DATABASE {database.name} TO {reader}", "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    assert f'GRANT USAGE ON SCHEMA public TO "{reader}"' in await refusal(limited, "r!")
    await superuser(f"GRANT USAGE ON SCHEMA public TO {reader}")
    assert "lacks SELECT on the table schema_migrations" in await refusal(limited, "r!")
    await superuser(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    said = await refusal(limited, "r!")
    assert "lacks INSERT, UPDATE, DELETE on the table translation_sessions" in said
    await superuser(f"GRANT INSERT, UPDATE, DELETE ON {tables} TO {reader}")
    assert "lacks INSERT, DELETE on the table conditional_writes" in await refusal(limited, "r!")
    await superuser(f"GRANT INSERT, DELETE ON conditional_writes TO {reader}")
    await limited.open()
    assert (await limited.write(TASKS, [record("a")])).applied == 1
    await limited.close()


async def test_who_may_not_make_tables_is_told_so(reader, build, database, superuser):
    await superuser(
        f"GRANT CONNECT ON DATABASE {database.name} TO {reader}", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    limited = build(dsn=Secret(f"postgresql://{reader}:r@{database.host}:{database.port}/{database.name}"))
    with pytest.raises(SchemaMismatch, match="permission denied for schema public"):
        await limited.migrate()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
async def test_a_closed_backend_is_unavailable(build, method):
    with pytest.raises(BackendUnavailable, match="not open"):
        await method(build())


async def test_a_missing_table_is_a_schema_mismatch_for_every_method(backend):
    async with backend._pool.acquire(10) as connection:
        await connection.execute("DROP TABLE translation_tasks")
    for method in METHODS.values():
        with pytest.raises(SchemaMismatch, match="translation_tasks"):
            await method(backend)


async def test_a_server_that_is_killed_is_unavailable_for_every_method_and_loses_nothing(backend, postgres):
    await backend.write(TASKS, [record("a")])
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(0.2)
    for method in METHODS.values():
        with pytest.raises(BackendUnavailable):
            await method(backend)
    status = await backend.health_check()
    assert not status.healthy
    await asyncio.to_thread(postgres.start)

    assert await backend.read(TASKS, "a") == record("a")
    assert (await backend.health_check()).healthy


async def test_it_can_be_judged_beforehand(build, database):
    with pytest.raises(StartFailure, match="persistence migrate"):
        await build().probe()
    await build().migrate()
    outlook = await build().probe()
    assert outlook.detail.startswith("PostgreSQL 1")
    assert not outlook.warning


def test_the_settings_show_no_password(build, database):
    settings = PostgresSettings(dsn=Secret(database.dsn))
    assert database.password not in str(msgspec.to_builtins(settings, enc_hook=repr))
    with pytest.raises(InvalidConfiguration, match=r"backends\.main\.dsn: expected postgresql://"):
        build(dsn=Secret(f"mysql://u:{database.password}@h/d"))
