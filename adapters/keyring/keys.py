"""Keys as they are written down: base64 of 32 random bytes, by id."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

import msgspec

from domain.errors import InvalidConfiguration
from domain.model.sealed import KEY_ID

KEY_BYTES = 32
_DISTINCT = 8  # bytes of a key that differ, at least: random ones have about 30; what somebody typed has few
_MAKE = "`openssl rand -base64 32` makes one"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """All that a keyring needs. Shown to nobody: its repr tells the ids alone."""

    active: str  # id of the key that encrypts
    keys: Mapping[str, bytes]  # by id
    index: bytes  # for comparing what is encrypted

    def __repr__(self) -> str:
        return f"Keys(active={self.active!r}, ids={sorted(self.keys)})"


def keys_of(texts: Mapping[str, str], active: str, index: str, place: str = "keyring") -> Keys:
    """Checked keys; ``place``: where they were written, for the sentence. Raises InvalidConfiguration."""
    if not texts:
        raise InvalidConfiguration(f"{place}.keys: there is no key; {_MAKE}.")
    for key_id in texts:
        if not re.fullmatch(KEY_ID, key_id):
            raise InvalidConfiguration(
                f"{place}.keys: {key_id[:40]!r} is no id of a key: 1 to 32 small letters, digits, `-` and `_`."
            )
    if active not in texts:
        known = ", ".join(texts)
        raise InvalidConfiguration(f"{place}.active: there is no key {active[:40]!r}; there are: {known}.")
    if not index:
        raise InvalidConfiguration(f"{place}.index_key: is missing; values are compared by it. {_MAKE}.")
    keys = {key_id: _key(f"{place}.keys.{key_id}", text) for key_id, text in texts.items()}
    index_key = _key(f"{place}.index_key", index)
    if len({*keys.values(), index_key}) <= len(keys):
        raise InvalidConfiguration(f"{place}: two keys are the same; each must be one of its own. {_MAKE}.")
    return Keys(active=active, keys=keys, index=index_key)


def _key(place: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidConfiguration(f"{place}: must be {KEY_BYTES} bytes in base64; {_MAKE}.")
    if len(set(key)) < _DISTINCT:
        raise InvalidConfiguration(f"{place}: is not random, so that anybody can guess it; {_MAKE}.")
    return key
