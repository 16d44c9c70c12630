"""The upsert of a whole batch: one statement of many rows, or several where they would not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pypika import Case, CustomFunction, Field, Table
from pypika.terms import NullValue, Term

from adapters.mysql.dialect import MYSQL
from adapters.mysql.errors import GUARDED
from adapters.mysql.literals import tuple_literal
from adapters.mysql.product import Product
from adapters.sql.rows import Row
from adapters.sql.statements import columns, merged
from domain.errors import RecordRefused
from domain.model.collections import Collection

_ROWS = 1000  # of one statement, at most
_SHARE = 4  # of the server's packet, one part is what a statement of several rows may take
_OVERHEAD = 16  # bytes that a statement has in its packet beside the text


class Upsert(NamedTuple):
    """What stands before the rows of one collection's upsert and behind them."""

    head: bytes
    tail: bytes


class Part(NamedTuple):
    """A statement, and which rows it stores."""

    statement: bytes
    first: int  # place of its first row in the batch
    size: int


def rendered(collection: Collection, product: Product) -> Upsert:
    """A collection's upsert in the server's dialect."""
    names = ", ".join(f"`{name}`" for name in columns(collection))
    sent = _sent(product)
    assignments = ", ".join(
        f"`{name}` = {value.get_sql(quote_char=MYSQL.quote, with_namespace=True)}"
        for name, value in _guarded(collection, sent, merged(collection, MYSQL, sent))
    )
    alias = "" if product.is_mariadb else " AS sent"
    return Upsert(
        head=f"INSERT INTO `{collection.name}` ({names}) VALUES ".encode(),  # noqa: S608  # declared names
        tail=f"{alias} ON DUPLICATE KEY UPDATE {assignments}".encode(),
    )


def _guarded(
    collection: Collection, sent: Callable[[str], Term], assignments: Iterable[tuple[str, Term]]
) -> Iterator[tuple[str, Term]]:
    """The assignments; a row that was met by a second unique key, so that it is another record's, is refused.

    ON DUPLICATE KEY UPDATE goes by whichever unique key is met first. The first assignment makes null what may not be,
    which in strict mode ends the statement.
    """
    same = Table(collection.name)[collection.key] == sent(collection.key)
    for column, value in assignments:
        guarded = column == GUARDED and collection.unique_field is not None
        yield column, Case().when(same, value).else_(NullValue()) if guarded else value


def parts(upsert: Upsert, rows: Sequence[Row], product: Product) -> Iterator[Part]:
    """The statements that store rows, in order. Raises RecordRefused, with the index, for what none can hold."""
    fixed = len(upsert.head) + len(upsert.tail) + _OVERHEAD
    room = product.max_packet // _SHARE - fixed
    texts: list[bytes] = []
    first = size = 0
    for place, row in enumerate(rows):
        text = _row(place, row, product, product.max_packet - fixed)
        if texts and (len(texts) == _ROWS or size + len(text) > room):
            yield _part(upsert, texts, first)
            texts, first, size = [], place, 0
        texts.append(text)
        size += len(text) + 1
    yield _part(upsert, texts, first)


def _row(place: int, row: Row, product: Product, room: int) -> bytes:
    try:
        text = tuple_literal(row)
    except (TypeError, ValueError) as error:  # an object, a lone surrogate, a number of thousands of digits
        raise RecordRefused(f"{product.name} cannot hold a value: {error}.", index=place) from error
    if len(text) > room:
        limit = f"max_allowed_packet is {product.max_packet}"
        raise RecordRefused(f"The record takes {len(text)} bytes as SQL, and the server's {limit}.", index=place)
    return text


def _part(upsert: Upsert, texts: list[bytes], first: int) -> Part:
    return Part(upsert.head + b",".join(texts) + upsert.tail, first, len(texts))


def _sent(product: Product) -> Callable[[str], Term]:
    """How the server calls a value of the row that is sent."""
    if product.is_mariadb:
        values = CustomFunction("VALUES", ["column"])
        return lambda column: values(Field(column))
    return Table("sent").field
