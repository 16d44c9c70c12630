"""What a collection is: a declared set of records of one shape, with their fields, limits and indexes."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

import msgspec

MAX_INT = 2**31 - 1
MIN_INT = -(2**31)
MAX_LONG = 2**53 - 1  # what every reader of JSON holds exactly
MAX_TEXT_BYTES = 524_288


class FieldType(StrEnum):
    """The types that every backend stores without loss."""

    IDENTIFIER = "identifier"  # 1-64 characters, at most 255 bytes of UTF-8, no control characters
    TEXT = "text"  # Unicode, limited in characters or bytes
    EMAIL = "email"  # Unicode, an address that ``domain.model.email`` takes, kept as it was sent
    CHOICE = "choice"  # one word of a closed list
    INTEGER = "integer"  # 32 bit, signed
    LONG = "long"  # an integer of 53 bits and its sign
    OBJECT = "object"  # a JSON object, kept as the text that was sent
    INSTANT = "instant"  # an aware datetime in UTC, microseconds


RANGES = {FieldType.INTEGER: (MIN_INT, MAX_INT), FieldType.LONG: (-MAX_LONG, MAX_LONG)}  # what columns hold


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One declared field of a collection."""

    name: str
    type: FieldType
    required: bool = False  # must be in every record
    nullable: bool = False  # null is a value; the default of a nullable field is null
    max_chars: int | None = None  # characters, for identifiers and texts
    max_bytes: int | None = None  # bytes of UTF-8, for texts and objects (as sent)
    minimum: int = MIN_INT  # for integers of either type
    maximum: int = MAX_INT
    choices: tuple[str, ...] = ()  # for choices
    searchable: bool = False  # a text whose words are looked for in a search
    normal_form_of: str | None = None  # an e-mail field: this one holds its normal form, and nobody sends it
    sensitive: bool = False  # left out of lists that do not ask for it by name
    sealable: bool = False  # may be encrypted: no index serves it, and its columns have room for the ciphertext

    @property
    def comparable(self) -> bool:
        """Whether equal values are found although they are encrypted; of long texts and objects nobody asks that."""
        return self.type is FieldType.EMAIL or self.max_chars is not None

    @property
    def longest(self) -> int:
        """Bytes of UTF-8 that the longest value of a text or an object has."""
        return self.max_bytes or 4 * (self.max_chars or 0)

    @property
    def default(self) -> str | int | None:
        """The value of an absent optional field, also stored in a tombstone's columns."""
        if self.nullable:
            return None
        if self.type in RANGES:
            return 0
        return "{}" if self.type is FieldType.OBJECT else ""


class Index(msgspec.Struct, frozen=True):
    """Columns, in order, that a hot list is served by, rising or falling."""

    fields: tuple[str, ...]
    unique: bool = False  # no two records have the same value in its one field, which is null in a tombstone


class Collection(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A declared collection; the single source for validation, DDL, queries and documentation.

    The first field is the key. ``created_at`` and ``updated_at`` are declared like any other field; ``revision``
    and ``deleted_at`` are columns of every collection and belong to the service.
    """

    name: str
    noun: str  # one record in words and in metric labels: "session", "task"
    envelope: str  # the word around a batch in a request body: "sessions", "tasks"
    fields: tuple[Field, ...]
    indexes: tuple[Index, ...] = ()
    parent: str | None = None  # the field that names the owning record, if there is one
    newest_first: bool = False  # default sort: created_at descending instead of by key
    keep_days: int | None = None  # after which records may go, if not configured otherwise; None: never
    keys_made: bool = False  # a record that is sent without its key gets one, made of its revision

    @property
    def key(self) -> str:
        """Name of the key field."""
        return self.fields[0].name

    @cached_property
    def sent_fields(self) -> tuple[Field, ...]:
        """The fields that a record may be sent with."""
        return tuple(f for f in self.fields if f.normal_form_of is None)

    @cached_property
    def unique_field(self) -> Field | None:
        """The field whose value no two records share, if there is one."""
        return next((self.by_name[index.fields[0]] for index in self.indexes if index.unique), None)

    @cached_property
    def data_fields(self) -> tuple[Field, ...]:
        """The fields in ``Record.values``, in order: all declared ones but the two times."""
        return tuple(f for f in self.fields if f.type is not FieldType.INSTANT)

    @cached_property
    def sealable(self) -> tuple[tuple[int, Field], ...]:
        """The fields that may be encrypted, with their places in ``Record.values``."""
        return tuple((place, field) for place, field in enumerate(self.data_fields) if field.sealable)

    @cached_property
    def rewritten(self) -> tuple[int, ...]:
        """The places in ``Record.values`` of what a record may have in other texts for the same version."""
        return (*(place for place, _ in self.sealable), *(place for place, _ in self.normal_forms))

    @cached_property
    def normal_forms(self) -> tuple[tuple[int, str], ...]:
        """The places of normal forms in ``Record.values``, with the names of the fields that they are derived from."""
        return tuple((place, f.normal_form_of) for place, f in enumerate(self.data_fields) if f.normal_form_of)

    @cached_property
    def searchable(self) -> tuple[Field, ...]:
        """The fields whose words are looked for in a search."""
        return tuple(f for f in self.fields if f.searchable)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where a data field stands in ``Record.values``."""
        return {f.name: i for i, f in enumerate(self.data_fields)}

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The declared fields by name."""
        return {f.name: f for f in self.fields}
