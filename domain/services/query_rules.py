"""What a query may name and compare: every field, operator and value is checked before a backend sees it.

Names come from the declared collection, never from the text; values arrive as text and leave with their field's type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from domain.errors import InvalidParameter
from domain.model.collections import RANGES, Collection, Field, FieldType
from domain.model.email import normal_form
from domain.model.query import MAX_OPERANDS, Condition, Operand, Operator, Sort, operand_type, ordered

REVISION = "revision"  # in every answer, declared by no collection

_UNTEXT = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LISTS = frozenset({Operator.IN, Operator.NIN})
_EQUAL = frozenset({Operator.EQ, Operator.NE}) | _LISTS
_PARTS = frozenset({Operator.CONTAINS, Operator.PREFIX})
_BOOLEANS = {"true": True, "false": False}


def field_of(collection: Collection, name: str) -> Field:
    """A declared field. Raises InvalidParameter, listing the fields there are."""
    field = collection.by_name.get(name)
    if field is None:
        raise InvalidParameter(f"`{name[:80]}` is not a field of {collection.name}; there are: {_words(collection)}.")
    return field


def operators_of(field: Field) -> tuple[Operator, ...]:
    """How a field can be compared: parts of a value make sense for text only."""
    return tuple(operator for operator in Operator if operand_type(field) is str or operator not in _PARTS)


def operator_of(field: Field, word: str) -> Operator:
    """An operator that fits the field. Raises InvalidParameter, listing those that do."""
    known = operators_of(field)
    if word not in known:
        raise InvalidParameter(f"`{word[:80]}` is no operator for `{field.name}`; there are: {', '.join(known)}.")
    return Operator(word)


def condition(field: Field, operator: Operator, texts: Sequence[str]) -> Condition:
    """One comparison from the texts of its values. Raises InvalidParameter, naming the field and what it takes."""
    if operator is Operator.ISNULL:
        return Condition(field.name, operator, (_boolean(field, texts),))
    wanted = 2 if operator is Operator.BETWEEN else 1
    if operator in _LISTS:
        if not 1 <= len(texts) <= MAX_OPERANDS:
            raise InvalidParameter(f"`{field.name}`: {operator} takes 1 to {MAX_OPERANDS} values, not {len(texts)}.")
    elif len(texts) != wanted:
        raise InvalidParameter(f"`{field.name}`: {operator} takes {wanted} value(s), not {len(texts)}.")
    read = checked_text if operator in _PARTS else operand
    if field.normal_form_of and operator in _EQUAL:
        read = _normal
    return Condition(field.name, operator, tuple(read(field, text) for text in texts))


def operand(field: Field, text: str) -> Operand:
    """A value of the field's type. Raises InvalidParameter."""
    if field.type in RANGES:
        return _integer(field, text)
    if field.type is FieldType.INSTANT:
        return instant(field.name, text)
    if field.type is FieldType.CHOICE and text not in field.choices:
        raise InvalidParameter(f"`{field.name}` is never {text[:80]!r}; it is one of: {', '.join(field.choices)}.")
    return checked_text(field, text)


def checked_text(field: Field, text: str) -> str:
    """Text that every backend can compare. Raises InvalidParameter."""
    if _UNTEXT.search(text):
        raise InvalidParameter(f"`{field.name}` is compared with a NUL or a lone surrogate; no text holds one.")
    return text


def _normal(field: Field, text: str) -> Operand:
    """The normal form of an address, however it is written."""
    try:
        return normal_form(checked_text(field, text))
    except ValueError as error:
        raise InvalidParameter(f"`{field.name}` is compared with an e-mail address: {error}.") from None


def instant(name: str, text: str) -> datetime:
    """An aware moment from RFC 3339 text or a bare date (its first moment, UTC). Raises InvalidParameter."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # looks like a time and is none, such as the 30th of February
    cure = "a time with offset such as 2026-11-24T16:30:00Z (write + as %2B), or a date such as 2026-11-24"
    raise InvalidParameter(f"`{name}` takes {cure}; {text[:80]!r} is neither.")


def end_of(name: str, text: str) -> datetime:
    """The first moment behind ``text``: a bare date ends with its day, a time is itself. Raises InvalidParameter."""
    moment = instant(name, text)
    if not _DATE.fullmatch(text):
        return moment
    try:
        return moment + timedelta(days=1)
    except OverflowError:
        raise InvalidParameter(f"`{name}`: no moment follows {text}.") from None


def sort_of(collection: Collection, names: Sequence[str], directions: Sequence[str]) -> tuple[Sort, ...]:
    """The sort with the key as its last column; the collection's own order where no name is given.

    ``directions``: none, one for all, or one each. Raises InvalidParameter.
    """
    for word in directions:
        if word not in ("asc", "desc"):
            raise InvalidParameter(f"`order` is `asc` or `desc`, not {word[:80]!r}.")
    if not names:
        names, directions = _own_order(collection, directions)
    if len(directions) not in {0, 1, len(names)}:
        raise InvalidParameter(f"`order` has {len(directions)} words for {len(names)} fields; give one, or one each.")
    if len(set(names)) != len(names):
        raise InvalidParameter("`sort_by` names a field twice.")
    words = directions if len(directions) > 1 else [*directions, "asc"][:1] * len(names)
    chosen = [Sort(field_of(collection, name).name, word == "desc") for name, word in zip(names, words, strict=True)]
    if collection.key in names:  # nothing behind a unique column can matter
        del chosen[names.index(collection.key) + 1 :]
    return ordered(collection, *chosen)


def projection(collection: Collection, names: Sequence[str]) -> tuple[str, ...]:
    """The fields of an answer, without repeats; ``revision`` is one of them. Raises InvalidParameter."""
    for name in names:
        if name != REVISION and name not in collection.by_name:
            raise InvalidParameter(
                f"`{name[:80]}` is not a field of {collection.name}; there are: {_words(collection)}, {REVISION}."
            )
    return tuple(dict.fromkeys(names))


def listed(collection: Collection) -> tuple[str, ...] | None:
    """The fields of a list that names none; None: all of them."""
    if not any(field.sensitive for field in collection.fields):
        return None
    return (*(field.name for field in collection.fields if not field.sensitive), REVISION)


def checked_key(collection: Collection, text: str) -> str:
    """An identifier from an address. Raises InvalidParameter."""
    if not is_identifier(text):
        rule = "1 to 64 characters, at most 255 bytes of UTF-8, no control characters"
        raise InvalidParameter(f"The {collection.noun}'s id in the address must have {rule}.")
    return text


def is_identifier(text: str) -> bool:
    """Whether a record can have this key."""
    return 1 <= len(text) <= 64 and not _CONTROL.search(text) and len(text.encode()) <= 255


def _own_order(collection: Collection, directions: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    if collection.newest_first:
        return ["created_at"], directions or ["desc"]
    return [collection.key], directions


def _integer(field: Field, text: str) -> int:
    lowest, highest = RANGES[field.type]
    if not _INTEGER.fullmatch(text) or not lowest <= int(text) <= highest:
        range_ = f"integers from {lowest} to {highest}"
        raise InvalidParameter(f"`{field.name}` is compared with {range_}, not {text[:80]!r}.")
    return int(text)


def _boolean(field: Field, texts: Sequence[str]) -> bool:
    if len(texts) != 1 or texts[0] not in _BOOLEANS:
        raise InvalidParameter(f"`{field.name}`: isnull is `true` or `false`.")
    return _BOOLEANS[texts[0]]


def _words(collection: Collection) -> str:
    return ", ".join(collection.by_name)
