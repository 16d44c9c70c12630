"""What every session is told, whatever the role and the database say."""

from __future__ import annotations

import asyncio

import pytest

from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from domain.errors import SchemaMismatch


async def test_a_password_that_was_changed_meanwhile_waits_for_its_cure(pool, postgres, database):
    await asyncio.to_thread(postgres.execute, f"ALTER ROLE {database.user} PASSWORD 'other'")
    async with pool.acquire(5), pool.acquire(5):
        with pytest.raises(SchemaMismatch, match="refuses the password") as refusal:
            async with pool.acquire(5):
                pass
    assert database.password not in refusal.value.detail


async def test_every_session_is_told_how_to_be(pool, postgres, database):
    hostile = {
        "search_path": "pg_catalog",
        "lock_timeout": "0",
        "synchronous_commit": "off",
        "default_transaction_isolation": "serializable",
        "default_transaction_read_only": "on",
        "standard_conforming_strings": "off",
        "TimeZone": "Asia/Tokyo",
        "client_encoding": "LATIN1",
        "plan_cache_mode": "force_generic_plan",
        "jit": "on",
    }
    for name, value in hostile.items():
        await asyncio.to_thread(postgres.execute, f"ALTER ROLE {database.user} SET {name} = '{value}'")
    fresh = PostgresPool(pool.server, None, PoolLimits(ready=1, most=1))
    await fresh.open()
    async with fresh.acquire(5) as connection:
        assert await connection.fetchval("SHOW search_path") == "public, pg_temp"
        assert await connection.fetchval("SHOW lock_timeout") == "5s"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
        assert await connection.fetchval("SHOW transaction_read_only") == "off"
        assert await connection.fetchval("SHOW standard_conforming_strings") == "on"
        assert await connection.fetchval("SHOW TimeZone") == "UTC"
        assert await connection.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
        assert await connection.fetchval("SHOW jit") == "off"
        assert await connection.fetchval("SELECT $1", "é🌍") == "é🌍"
    await fresh.close()


async def test_a_stronger_durability_stays_as_the_owner_of_the_database_set_it(pool, postgres, database):
    await asyncio.to_thread(postgres.execute, f"ALTER ROLE {database.user} SET synchronous_commit = 'remote_apply'")
    fresh = PostgresPool(pool.server, None, PoolLimits(ready=1, most=1))
    await fresh.open()
    async with fresh.acquire(5) as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "remote_apply"
    await fresh.close()
