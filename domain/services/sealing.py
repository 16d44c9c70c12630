"""Encryption of declared fields: what goes into the log is encrypted, what comes out of a store is readable again.

Whatever lies between (journal, shared buffer, pending view, caches, backends, dead letters, the search index) has
ciphertexts, and so have the processes that drain, which need no keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection as Some
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.errors import DecryptionFailed, InvalidParameter
from domain.model.collections import Collection, Field, FieldType
from domain.model.email import normal_form
from domain.model.observations import DecryptionRefused, Observation
from domain.model.query import And, Condition, Filter, Not, Operator, Or, Query, QueryResult
from domain.model.records import Record, Value
from domain.model.sealed import MARK, MARKS, encoded, key_of, parsed, prefix_of, stored_normal_form, texts_of
from domain.services.schema import Checked
from ports.ambient import Observer
from ports.keyring import Keyring

PLAIN = ""  # in the place of a key's id: written before the field was encrypted
_AT_ONCE = 200  # records that are encrypted before others may run
_NULL = b"null"
_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_PACKED = msgspec.msgpack.Encoder().encode
_EQUAL = frozenset({Operator.EQ, Operator.IN})


def _unheard(observation: Observation) -> None:
    """Where nothing is encrypted, nobody has to hear of it."""


class Sealing:
    """The way in and the way out, for every collection."""

    def __init__(
        self,
        encrypted: Mapping[str, Some[str]] | None = None,
        keyring: Keyring | None = None,
        observer: Observer = _unheard,
    ) -> None:
        """``encrypted``: fields by collection; ``keyring``: None where nothing is, nor ever was."""
        self._encrypted = encrypted or {}
        self.keyring = keyring
        self._observer = observer
        self._decoders: dict[str, msgspec.json.Decoder[list[Any]]] = {}
        self.former = set(self._encrypted)  # collections in which there may be values of before they were encrypted

    def fields(self, collection: Collection) -> tuple[str, ...]:
        """The encrypted fields of a collection."""
        return tuple(self._encrypted.get(collection.name, ()))

    def encrypts(self, collection: Collection) -> bool:
        """Whether a collection has encrypted fields."""
        return bool(self._encrypted.get(collection.name))

    def hidden(self, collection: Collection, digest: bytes) -> bytes:
        """What may be kept of the digest of a request: where fields are encrypted, nothing that a guess could meet."""
        if not self.encrypts(collection):
            return digest
        return b"".join(self._ring().blind(digest, b"digest of a request, %d" % half) for half in (1, 2))

    # the way in

    async def sealed(self, collection: Collection, checked: Checked) -> Checked:
        """A batch as it goes into the log."""
        fields = self._fields(collection)
        if not fields:
            return checked
        bodies = self._decoder(collection).decode(checked.payload)
        for start in range(0, len(bodies), _AT_ONCE):
            if start:
                await asyncio.sleep(0)
            some = slice(start, start + _AT_ONCE)
            for field in fields:
                self._seal(collection, field, checked.outline.keys[some], bodies[some])
        return msgspec.structs.replace(checked, payload=msgspec.json.encode(bodies))

    def under(self, collection: Collection, record: Record) -> Iterator[str]:
        """What the fields of a stored record are encrypted under: ids of keys, and ``PLAIN`` where one should be."""
        for field, _, key_id in self._encryptions(collection, record):
            if key_id is not None:
                yield key_id
            elif self._hides(collection, field):
                yield PLAIN

    def resealed(self, collection: Collection, record: Record) -> Record | None:
        """A stored record with each field as it would be stored today; None where it is. Raises DecryptionFailed."""
        anew: dict[int, str] = {}
        for field, text, key_id in self._encryptions(collection, record):
            hidden, place = self._hides(collection, field), collection.positions[field.name]
            if hidden and key_id != self._ring().active:
                plaintext = self._plaintext(collection, field, record.key, text)
                (sealed,) = self._sealed_values(collection, field, [record.key], [plaintext.encode()])
                anew[place] = f'"{sealed}"' if field.type is FieldType.OBJECT else sealed
            elif key_id is not None and not hidden:
                anew[place] = self._plaintext(collection, field, record.key, text)
        if not anew:
            return None
        values = [anew.get(place, value) for place, value in enumerate(record.values)]
        for place, source in collection.normal_forms:
            values[place] = stored_normal_form(str(values[collection.positions[source]]))
        return msgspec.structs.replace(record, values=tuple(values))

    def _encryptions(self, collection: Collection, record: Record) -> Iterator[tuple[Field, str, str | None]]:
        """The fields that may be encrypted and have a value of their own, its stored text, and its key's id."""
        for place, field in collection.sealable if record.deleted_at is None else ():
            value = record.values[place]
            if isinstance(value, str) and value != field.default:
                yield field, value, key_of(value)

    def _decoder(self, collection: Collection) -> msgspec.json.Decoder[list[Any]]:
        """Of a batch that was checked, each value as it was sent."""
        if collection.name not in self._decoders:
            members = [(field.name, msgspec.Raw | UnsetType, UNSET) for field in collection.sent_fields]
            shape = msgspec.defstruct(f"Sent{collection.noun.title()}", members, gc=False)
            self._decoders[collection.name] = msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]
        return self._decoders[collection.name]

    def _seal(self, collection: Collection, field: Field, keys: Iterable[str], bodies: Sequence[Any]) -> None:
        """Encrypt one field of some records."""
        is_text = field.type is not FieldType.OBJECT
        places, owners, values = [], [], []
        for key, body in zip(keys, bodies, strict=True):
            raw = getattr(body, field.name)
            if raw is not UNSET and (text := bytes(raw)) != _NULL:
                places.append(body)
                owners.append(key)
                values.append(_TEXT.decode(text).encode() if is_text else text)
        for body, sealed in zip(places, self._sealed_values(collection, field, owners, values), strict=True):
            setattr(body, field.name, sealed)  # an object's too is a text from here on

    def _sealed_values(
        self, collection: Collection, field: Field, keys: Sequence[str], values: Sequence[bytes]
    ) -> Sequence[str]:
        """The ciphertexts of a field, without quotes; ``keys``: of the records that have the values."""
        blinds = [""] * len(values)
        if field.comparable:
            blinds = [self.blind(collection, field, value.decode()) for value in values]
        contexts = (_context(collection, field, key, blind) for key, blind in zip(keys, blinds, strict=True))
        key_id, contents = self._ring().seal(list(zip(values, contexts, strict=True)))
        return texts_of(blinds, key_id, contents)

    def blind(self, collection: Collection, field: Field, plaintext: str) -> str:
        """What the texts of equal values have in common; addresses are equal in their normal forms."""
        if field.type is FieldType.EMAIL:
            plaintext = normal_form(plaintext)
        scope = msgspec.msgpack.encode((collection.name, field.name))
        return encoded(self._ring().blind(plaintext.encode(), scope))

    # the way out

    def opened(self, collection: Collection, record: Record, fields: Some[str] | None = None) -> Record:
        """A stored or pending record with its plaintexts; ``fields``: of these alone, the others stay as they are.

        Raises DecryptionFailed, which the observer has heard of by then.
        """
        if record.deleted_at is not None:
            return record
        values: list[Value] | None = None
        for place, field in collection.sealable:
            value = record.values[place]
            if _is_marked(value) and (fields is None or field.name in fields):
                values = values or list(record.values)
                values[place] = self._value(collection, field, record)
        for place, source in collection.normal_forms:
            if _is_marked(record.values[place]) and (fields is None or collection.data_fields[place].name in fields):
                values = values or list(record.values)
                values[place] = normal_form(self._value(collection, collection.by_name[source], record))
        return record if values is None else msgspec.structs.replace(record, values=tuple(values))

    def opened_page(self, collection: Collection, query: Query, page: QueryResult) -> QueryResult:
        """A page with the plaintexts of the fields that its query asks for."""
        items = tuple(self.opened(collection, record, query.fields) for record in page.items)
        return msgspec.structs.replace(page, items=items)

    def opened_text(self, collection: Collection, key: str, record: bytes) -> bytes:
        """The JSON of a record, as a dead letter has it, with its plaintexts. Raises DecryptionFailed."""
        try:
            body = _BODY.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return record  # whoever judges it says what is wrong
        for _, field in collection.sealable:
            raw = body.get(field.name)
            if raw is None or MARK.encode() not in bytes(raw)[: len(MARK) + 1]:
                continue
            text = bytes(raw).decode() if field.type is FieldType.OBJECT else _TEXT.decode(raw)
            plaintext = self._told(collection, field, key, text)
            body[field.name] = msgspec.Raw(
                plaintext.encode() if field.type is FieldType.OBJECT else msgspec.json.encode(plaintext)
            )
        return msgspec.json.encode(body)

    def _value(self, collection: Collection, field: Field, record: Record) -> str:
        return self._told(collection, field, record.key, str(record.values[collection.positions[field.name]]))

    def _told(self, collection: Collection, field: Field, key: str, text: str) -> str:
        """The plaintext of a stored text that somebody asks for: a failure is observed."""
        try:
            return self._plaintext(collection, field, key, text)
        except DecryptionFailed as error:
            self._observer(
                DecryptionRefused(
                    collection=collection.name, noun=collection.noun, field=field.name, key=key, detail=error.detail
                )
            )
            raise DecryptionFailed(
                f"`{field.name}` of {collection.noun} {key!r} cannot be decrypted: {error.detail}."
            ) from None

    def _plaintext(self, collection: Collection, field: Field, key: str, text: str) -> str:
        found = parsed(text)
        if found is None:
            return text
        if self.keyring is None:
            raise DecryptionFailed("it is encrypted, and no [keyring] is configured")
        return self.keyring.open(found.key_id, found.content, _context(collection, field, key, found.blind)).decode()

    def blinds_alike(self, collection: Collection, field: Field, record: Record) -> bool:
        """Whether the blind of a stored value is what it would be today. Raises DecryptionFailed."""
        text = str(record.values[collection.positions[field.name]])
        found = parsed(text)
        if found is None or not found.blind:
            return True
        return found.blind == self.blind(collection, field, self._plaintext(collection, field, record.key, text))

    # questions

    def query(self, collection: Collection, query: Query) -> Query:
        """A query as a store can answer it. Raises InvalidParameter, naming an encrypted field."""
        if not self.encrypts(collection):
            return query
        for sort in query.sort:
            self.check_order(collection, sort.field)
        return msgspec.structs.replace(query, filter=self.where(collection, query.filter))

    def check_order(self, collection: Collection, name: str) -> None:
        """No order and no group is known of what is encrypted. Raises InvalidParameter."""
        if self._hides(collection, collection.by_name[name]):
            raise InvalidParameter(f"`{name}` is encrypted: no list can be sorted or counted by it.")

    def where(self, collection: Collection, where: Filter) -> Filter:
        """A filter as a store can answer it. Raises InvalidParameter, naming an encrypted field."""
        if not self.encrypts(collection):
            return where
        match where:
            case Condition():
                return self._compared(collection, where)
            case Not(term):
                return Not(self.where(collection, term))
            case And(terms):
                return And(tuple(self.where(collection, term) for term in terms))
            case Or(terms):
                return Or(tuple(self.where(collection, term) for term in terms))

    def _compared(self, collection: Collection, condition: Condition) -> Filter:
        field = collection.by_name[condition.field]
        if condition.operator is Operator.ISNULL or not self._hides(collection, field):
            return condition
        source = collection.by_name[field.normal_form_of or field.name]
        if condition.operator not in _EQUAL or not source.comparable:
            able = "`eq`, `in` and `isnull`" if source.comparable else "`isnull`"
            raise InvalidParameter(f"`{field.name}` is encrypted: it can be compared by {able} alone.")
        texts = [str(operand) for operand in condition.operands]
        if source.type is FieldType.EMAIL:
            return self._with_address(collection, source, texts)
        blinds = (self.blind(collection, source, text) for text in texts)
        as_before = Condition(field.name, Operator.IN, condition.operands)  # of what was written before
        return Or((*(Condition(field.name, Operator.PREFIX, (prefix_of(blind),)) for blind in blinds), as_before))

    def _with_address(self, collection: Collection, source: Field, texts: Sequence[str]) -> Filter:
        """Addresses are compared in their normal forms, which the unique index serves, before and since."""
        unique = next(field for field in collection.fields if field.normal_form_of == source.name)
        forms: list[str] = []
        for text in texts:
            with suppress(ValueError):  # it is no address, so that no record has it
                forms += [MARK + self.blind(collection, source, text), normal_form(text)]
        return Condition(unique.name, Operator.IN, tuple(forms or texts))

    def hides_former(self, collection: Collection, field: Field) -> bool:
        """Whether a field is encrypted, and some records may have values of before."""
        return collection.name in self.former and self._hides(collection, field)

    def _hides(self, collection: Collection, field: Field) -> bool:
        return (field.normal_form_of or field.name) in self._encrypted.get(collection.name, ())

    def _fields(self, collection: Collection) -> list[Field]:
        return [collection.by_name[name] for name in self._encrypted.get(collection.name, ())]

    def _ring(self) -> Keyring:
        if self.keyring is None:
            raise DecryptionFailed("Nothing can be encrypted without a [keyring].")
        return self.keyring


def _is_marked(value: Value) -> bool:
    return isinstance(value, str) and value.startswith(MARKS)


def _context(collection: Collection, field: Field, key: str, blind: str) -> bytes:
    return _PACKED((collection.name, key, field.name, blind))
