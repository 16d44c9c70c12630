"""What must be true of a table and of our rights in it, beside the types of its columns."""

from __future__ import annotations

from typing import cast

from adapters.mysql.bulk import parts, rendered
from adapters.mysql.connection import MysqlConnection
from adapters.sql.connection import SqlConnection
from adapters.sql.statements import SERVICE_COLUMNS
from domain.errors import SchemaMismatch, StartFailure
from domain.model.collections import Collection, Field

_RESTORE = "Restore the released schema."
_OURS = "table_schema = DATABASE() AND table_name = %s"
_ENGINE = f"SELECT engine FROM information_schema.tables WHERE {_OURS}"  # noqa: S608  # a placeholder
_UNIQUE = f"SELECT index_name, column_name FROM information_schema.statistics WHERE {_OURS} AND non_unique = 0"  # noqa: S608
_LENGTHS = (
    "SELECT column_name, character_maximum_length, character_octet_length"  # noqa: S608
    f" FROM information_schema.columns WHERE {_OURS}"
)


async def look(connection: SqlConnection, collection: Collection) -> None:
    """Raises StartFailure where a table would lose, cut or refuse what its collection allows, or is not ours."""
    await _check_keys(connection, collection)
    await _check_lengths(connection, collection)
    await _check_rights(cast("MysqlConnection", connection), collection)  # the pool of MySQL gives no others


async def _check_keys(connection: SqlConnection, collection: Collection) -> None:
    name = collection.name
    if await connection.fetchval(_ENGINE, name) != "InnoDB":
        raise StartFailure(f"Table {name} is not kept by InnoDB, which alone has transactions. {_RESTORE}")
    unique = {(index, column) for index, column in await connection.fetch(_UNIQUE, name)}
    declared = {(f"{name}_{'_'.join(index.fields)}", *index.fields) for index in collection.indexes if index.unique}
    if unique != {("PRIMARY", collection.key), *declared}:
        others = f"no other unique key than {collection.unique_field.name}'s" if collection.unique_field else ""
        cure = "An upsert goes by that key alone: drop the others."
        raise StartFailure(
            f"Table {name} needs {collection.key} as its primary key and {others or 'no other unique key'}. {cure}"
        )


async def _check_lengths(connection: SqlConnection, collection: Collection) -> None:
    lengths = {column: (chars, size) for column, chars, size in await connection.fetch(_LENGTHS, collection.name)}
    for field in collection.data_fields:
        chars, size = lengths[field.name]
        if (chars or 0) < _characters(field) or (size or 0) < (field.max_bytes or 0):
            place = f"{collection.name}.{field.name}"
            raise StartFailure(f"Column {place} is too short for what the collection allows. {_RESTORE}")


async def _check_rights(connection: MysqlConnection, collection: Collection) -> None:
    """The server is asked for the plans of what serving does; nothing is run."""
    row = (*(field.default for field in collection.data_fields), *(0 for _ in SERVICE_COLUMNS))
    (insert,) = parts(rendered(collection, connection.product), [row], connection.product)
    delete = f"DELETE FROM `{collection.name}` WHERE `{collection.key}` = ''"  # noqa: S608  # declared names
    for statement in (insert.statement, delete.encode()):
        try:
            await connection.send(b"EXPLAIN " + statement)
        except SchemaMismatch as error:
            cure = "Grant the user SELECT, INSERT, UPDATE and DELETE."
            raise StartFailure(f"The user may not keep {collection.name}. {error.detail} {cure}") from error


def _characters(field: Field) -> int:
    return max((field.max_chars or 0, *map(len, field.choices)))
