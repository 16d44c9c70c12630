"""A record as Redis holds it, and the names under which it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import itemgetter

import msgspec

from domain.errors import BackendCorrupt
from domain.model.collections import Collection
from domain.model.query import And, Condition, Filter, Operator, operand_type
from domain.model.records import EPOCH, MICROSECOND, Record, Value

_WIDTH = 20  # digits of a number in a state's head: they compare as text
_ZERO = 2**62  # what the epoch is written as, so that no moment is negative
_NEVER = b"0" * _WIDTH
_HEAD = 4 * _WIDTH
_PARTS = itemgetter(*(slice(at, at + _WIDTH) for at in range(0, _HEAD, _WIDTH)))
_VALUES: msgspec.msgpack.Decoder[dict[str, Value]] = msgspec.msgpack.Decoder(dict[str, Value])


class Names:
    """The keys of one collection; one hash tag: they are in one slot of a cluster."""

    def __init__(self, collection: Collection) -> None:
        whole = f"persistence:{{records:{collection.name}}}"
        self.all = f"{whole}:all"
        self.visible = f"{whole}:visible"
        self.conditional = f"{whole}:conditional"
        self.prefix = f"{whole}:by:"
        self._record = f"{whole}:record:"
        self.fields = secondary(collection)

    def record(self, key: str) -> str:
        """Where a record's state is."""
        return self._record + key

    def sets(self, where: Filter) -> list[str]:
        """Secondary sets each of which has every visible record that matches."""
        terms = where.terms if isinstance(where, And) else (where,)
        nested = [each for term in terms if isinstance(term, And) for each in self.sets(term)]
        said = [term for term in terms if isinstance(term, Condition) and self._is_one(term)]
        return [f"{self.prefix}{term.field}:{term.operands[0]}" for term in said] + nested

    def _is_one(self, term: Condition) -> bool:
        """Whether it says the one value of a field with secondary sets."""
        is_one = term.operator is Operator.EQ or (term.operator is Operator.IN and len(term.operands) == 1)
        return is_one and term.field in self.fields


def secondary(collection: Collection) -> tuple[str, ...]:
    """The fields that have a set of keys for each value: texts that a declared index begins with.

    Scripts write large numbers otherwise than Python does.
    """
    first = dict.fromkeys(index.fields[0] for index in collection.indexes)
    return tuple(name for name in first if operand_type(collection.by_name[name]) is str)


def written(collection: Collection, record: Record) -> bytes:
    """The state of a record, as ``scripts/store.lua`` describes it."""
    names = [field.name for field in collection.data_fields]
    head = (_moment(record.updated_at), number(record.revision), _moment(record.created_at), _moment(record.deleted_at))
    return b"".join(head) + msgspec.msgpack.encode(dict(zip(names, record.values, strict=True)))


def decoder(collection: Collection) -> Callable[[bytes], Record]:
    """Reads a collection's states; a field that one does not have yet has its default. Raises BackendCorrupt."""
    defaults = [(field.name, field.default) for field in collection.data_fields]

    def read(state: bytes) -> Record:
        try:
            updated, revision, created, deleted = map(int, _PARTS(state))
            get = _VALUES.decode(state[_HEAD:]).get
            return Record(
                tuple([get(name, default) for name, default in defaults]),
                _instant(created),
                _instant(updated),
                revision,
                _instant(deleted) if deleted else None,
            )
        except (ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise BackendCorrupt(f"Redis holds something in {collection.name} that is no record: {error}.") from error

    return read


def number(value: int) -> bytes:
    """As it stands in a head."""
    return b"%020d" % value


def _moment(moment: datetime | None) -> bytes:
    return _NEVER if moment is None else number((moment - EPOCH) // MICROSECOND + _ZERO)


def _instant(written_as: int) -> datetime:
    return EPOCH + timedelta(microseconds=written_as - _ZERO)
