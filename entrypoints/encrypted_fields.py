"""Which fields may be encrypted."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import InvalidConfiguration
from domain.model.collections import Collection, Field, FieldType

_TEXTS = (FieldType.TEXT, FieldType.EMAIL, FieldType.OBJECT)
_CURE = "make a file of keys with `persistence keyring create FILE`, and name it as `file` in [keyring]"


def check_encrypted(collection: Collection, names: Sequence[str], *, searched: bool, has_keys: bool) -> None:
    """Judge ``collections.NAME.encrypted``. Raises InvalidConfiguration, naming the key and the field."""
    for name in names:
        if reason := _reason(collection, collection.by_name.get(name), searched=searched):
            able = ", ".join(field.name for _, field in collection.sealable) or "none"
            raise InvalidConfiguration(
                f"collections.{collection.name}.encrypted: `{name[:80]}` {reason}; these can be encrypted: {able}."
            )
    if len(set(names)) < len(names):
        raise InvalidConfiguration(f"collections.{collection.name}.encrypted: a field is named twice.")
    if names and not has_keys:
        raise InvalidConfiguration(f"collections.{collection.name}.encrypted: there is no key to encrypt by; {_CURE}.")


def _reason(collection: Collection, field: Field | None, *, searched: bool) -> str:
    """Why a field cannot be encrypted; empty where it can."""
    if field is None:
        return f"is no field of {collection.name}"
    if field.name == collection.key:
        return "is the key, by which records are found"
    if field.normal_form_of:
        return f"is derived from `{field.normal_form_of}`, and hidden together with that"
    if field.type not in _TEXTS:
        return "is neither a text nor an object"
    if any(field.name in index.fields for index in collection.indexes):
        return "is in an index, which needs its order"
    if not field.sealable:
        return "has no room for a ciphertext"
    return "is searched by its words ([search])" if searched and field.searchable else ""
