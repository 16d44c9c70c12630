"""Forward-only migrations of a database server, one statement a step, under a lock that all processes respect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager

from adapters.sql.connection import SqlConnection, SqlPool
from adapters.sql.engine import Engine
from adapters.sql.ledger import Note, check_order
from adapters.sql.statements import column_fields
from domain.errors import BackendError, QueryTimeout, SchemaMismatch, StartFailure
from domain.model.collections import Collection, Field
from domain.model.schema_steps import SchemaStep
from sql import Migration

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INT          NOT NULL PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    checksum   VARCHAR(64)  NOT NULL,
    applied_at TIMESTAMP    NULL
)
"""
_LEDGER_NAME = "schema_migrations"
_RIGHTS = {"SELECT", "INSERT", "UPDATE", "DELETE"}  # on the table of a collection
_APPLIED = "SELECT name, checksum, applied_at FROM schema_migrations ORDER BY number"
_SECONDS = 600.0  # for all steps together: a server may have to rebuild a table
_LOOK_SECONDS = 10.0  # for a look at the tables


class Migrations:
    """The steps of one backend and the ledger of those that its database has.

    A step is noted before it runs and marked when it ended. Where DDL is no part of a transaction (MySQL), a crash
    between leaves a step that is noted and not marked; it runs again, so its statement must be repeatable
    (``IF NOT EXISTS``).
    """

    def __init__(self, pool: SqlPool, engine: Engine, steps: Sequence[Migration]) -> None:
        self._pool = pool
        self._engine = engine
        self._steps = tuple(steps)

    async def steps(self) -> Sequence[SchemaStep]:
        """The steps of this release and which of them are applied; opens and closes the pool."""
        async with self._session() as connection:
            return [SchemaStep(name=step.name, applied=done) for step, done in await self._state(connection)]

    async def migrate(self) -> Sequence[str]:
        """Apply what is missing; the names of the steps applied. Opens and closes the pool."""
        async with self._session() as connection:
            await connection.fetchval(self._engine.catalogue.lock)
            try:
                await connection.execute(_LEDGER)
                missing = [step for step, done in await self._state(connection) if not done]
                for step in missing:
                    await self._apply(connection, step)
            finally:
                await connection.fetchval(self._engine.catalogue.unlock)
        return [step.name for step in missing]

    async def verify(self, collections: Sequence[Collection]) -> None:
        """On an open pool: raises StartFailure where the tables are not those of this release."""
        async with self._pool.acquire(_LOOK_SECONDS) as connection:
            await self._verify_rights(connection, _LEDGER_NAME, {"SELECT"})
            missing = [step.name for step, done in await self._state(connection) if not done]
            if missing:
                raise StartFailure(
                    f"The database lacks {len(missing)} of {len(self._steps)} migrations, the first is {missing[0]}. "
                    "Run: persistence migrate"
                )
            for collection in collections:
                await self._verify_rights(connection, collection.name, _RIGHTS)
                await self._verify_table(connection, collection)
                if self._engine.catalogue.look:
                    await self._engine.catalogue.look(connection, collection)
            await self._verify_rights(connection, "conditional_writes", {"SELECT", "INSERT", "DELETE"})

    async def _state(self, connection: SqlConnection) -> list[tuple[Migration, bool]]:
        notes = await self._notes(connection)
        check_order(self._steps, notes)
        done = {note.name for note in notes if note.applied}
        return [(step, step.name in done) for step in self._steps]

    async def _notes(self, connection: SqlConnection) -> list[Note]:
        try:
            rows = await connection.fetch(_APPLIED)
        except SchemaMismatch:  # no ledger: nothing was ever applied
            return []
        return [Note(name, checksum, applied=applied_at is not None) for name, checksum, applied_at in rows]

    async def _apply(self, connection: SqlConnection, step: Migration) -> None:
        p = [self._engine.dialect.placeholder(number).get_sql() for number in range(1, 4)]
        known = f"SELECT count(*) FROM schema_migrations WHERE number = {p[0]}"  # noqa: S608  # a placeholder
        note = f"INSERT INTO schema_migrations (number, name, checksum) VALUES ({', '.join(p)})"  # noqa: S608
        mark = f"UPDATE schema_migrations SET applied_at = CURRENT_TIMESTAMP WHERE number = {p[0]}"  # noqa: S608
        try:
            async with connection.transaction():
                if not await connection.fetchval(known, step.number):
                    await connection.execute(note, step.number, step.name, step.checksum)
                await connection.execute(step.statement)
                await connection.execute(mark, step.number)
        except (BackendError, QueryTimeout) as error:
            raise StartFailure(f"Migration {step.name} failed and can be tried again. {error.detail}") from error

    async def _verify_rights(self, connection: SqlConnection, table: str, needed: Set[str]) -> None:
        if self._engine.catalogue.lacking is None:
            return
        rows = await connection.fetch(self._engine.catalogue.lacking, table)
        lacking = ", ".join(right for (right,) in rows if right in needed)
        if lacking:
            raise StartFailure(f"The user lacks {lacking} on the table {table}. Grant the right, or use the owner.")

    async def _verify_table(self, connection: SqlConnection, collection: Collection) -> None:
        found = await self._described(connection, collection.name)
        for field in column_fields(collection):
            name = field.name
            if name not in found:
                raise StartFailure(f"Table {collection.name} lacks the column {name}. Restore the released schema.")
            complaint = self._complaint(field, *found[name])
            if complaint:
                raise StartFailure(f"Column {collection.name}.{name} {complaint}. Restore the released schema.")

    async def _described(self, connection: SqlConnection, table: str) -> dict[str, tuple[str, bool, str | None]]:
        """By column: data type, whether it takes null, collation."""
        text = (
            "SELECT column_name, data_type, is_nullable, collation_name FROM information_schema.columns "  # noqa: S608
            f"WHERE table_schema = {self._engine.catalogue.schema} "
            f"AND table_name = {self._engine.dialect.placeholder(1).get_sql()}"
        )
        rows = await connection.fetch(text, table)
        return {name: (kind.lower(), nullable == "YES", collation) for name, kind, nullable, collation in rows}

    def _complaint(self, field: Field, kind: str, nullable: bool, collation: str | None) -> str | None:
        catalogue = self._engine.catalogue
        allowed = catalogue.types[field.type]
        if kind not in allowed:
            return f"is {kind}, not {' or '.join(allowed)}"
        if nullable is not field.nullable:
            return "takes null" if nullable else "does not take null"
        if collation not in catalogue.collations and (collation is not None or kind in catalogue.collated):
            return f"has the collation {collation or 'of the database'}, not {' or '.join(catalogue.collations)}"
        return None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[SqlConnection]:
        try:
            await self._pool.open()
            async with self._pool.acquire(_SECONDS) as connection:
                yield connection
        finally:
            await self._pool.close()
