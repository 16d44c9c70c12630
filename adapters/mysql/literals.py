"""Values as SQL text: the one encoder of everything that is sent to MySQL and MariaDB.

Right where the session's ``sql_mode`` has no ``NO_BACKSLASH_ESCAPES`` and its character set is utf8mb4, which
``adapters.mysql.session`` sets and asserts. In a string, the server gives a meaning to two characters only; all others,
NUL and line ends too, stand for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.model.records import Value


def literal(value: Value | bytes) -> str:
    """The SQL text of a value. Raises TypeError for what is none, a truth value too.

    Does not look for lone surrogates: UTF-8 refuses them when the statement is encoded.
    """
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value)
    if isinstance(value, bytes):
        return "x'" + value.hex() + "'"
    raise TypeError(f"{type(value).__name__} is no value of a column")


def tuple_literal(values: Sequence[Value]) -> bytes:
    """The UTF-8 text of one row in parentheses. Raises TypeError, and ValueError for what UTF-8 or SQL cannot hold."""
    return ("(" + ",".join(map(literal, values)) + ")").encode()


def with_values(text: str, values: Sequence[Value | bytes]) -> bytes:
    """The UTF-8 statement with literals in place of its ``%s``.

    A text without values stays as it is; in one with values, a percent sign of its own is written twice.
    """
    return (text % tuple(map(literal, values)) if values else text).encode()
