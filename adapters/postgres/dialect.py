"""PostgreSQL's words."""

from __future__ import annotations

from pypika.terms import Parameter

from adapters.sql.dialect import Dialect
from adapters.sql.engine import Catalogue
from domain.model.collections import FieldType

POSTGRES = Dialect(
    quote='"',
    placeholder=lambda number: Parameter(f"${number}"),
    position="STRPOS",
    least="LEAST",
    nulls_are_greatest=True,
    takes_arrays=True,
)

TYPES = {  # of the columns, and of the arrays that rows are sent in
    FieldType.IDENTIFIER: "text",
    FieldType.TEXT: "text",
    FieldType.EMAIL: "text",
    FieldType.CHOICE: "text",
    FieldType.OBJECT: "text",
    FieldType.INTEGER: "integer",
    FieldType.LONG: "bigint",
    FieldType.INSTANT: "bigint",
}

_LOCK = int.from_bytes(b"persist")  # of the database's advisory locks: any number that others are unlikely to take

_LACKING = """
SELECT wanted FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
WHERE NOT has_table_privilege(to_regclass($1), wanted)
"""  # no row where there is no such table: its privilege is unknown

CATALOGUE = Catalogue(
    schema="current_schema()",
    types={kind: (name,) for kind, name in TYPES.items()},
    collations=("C",),
    collated=("text",),
    lacking=_LACKING,
    lock=f"SELECT pg_advisory_lock({_LOCK})",
    unlock=f"SELECT pg_advisory_unlock({_LOCK})",
)
