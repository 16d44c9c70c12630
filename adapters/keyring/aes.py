"""AES-256-GCM, with a data key for each start of a process (NIST SP 800-38D, RFC 5869).

A nonce of 96 random bits is unique enough for 2^32 uses of a key. No key is used that often: the configured ones
encrypt nothing, but give data keys by HKDF and a random salt, a new one at each start and after 2^30 uses. The salt
stands before the nonce.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection as Some
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.keyring.keys import KEY_BYTES, Keys
from domain.errors import DecryptionFailed
from domain.model.sealed import BLIND_BYTES, NONCE_BYTES, SALT_BYTES

USES = 2**30  # of a data key, then there is another one
_PURPOSE = b"persistence: values of fields, 1"
_DATA_KEYS = 1024  # remembered: one for each start of a process whose values are read


class AesKeyring:
    """The keyring of keys that this process holds itself."""

    def __init__(self, keys: Keys, uses: int = USES) -> None:
        """``uses``: of one data key."""
        self._uses = uses
        self.turn_to(keys)

    def turn_to(self, keys: Keys) -> None:
        """Work with these from the next call on."""
        self._ring = _Ring(keys, self._uses)

    @property
    def active(self) -> str:
        """As the port says."""
        return self._ring.keys.active

    @property
    def ids(self) -> Some[str]:
        """As the port says."""
        return self._ring.keys.keys.keys()

    def seal(self, values: Some[tuple[bytes, bytes]]) -> tuple[str, list[bytes]]:
        """As the port says."""
        ring = self._ring
        key_id = ring.keys.active
        salt, cipher = ring.data_key(len(values))
        bound = _bound(key_id)
        random, encrypt = os.urandom(NONCE_BYTES * len(values)), cipher.encrypt
        nonces = [random[start : start + NONCE_BYTES] for start in range(0, len(random), NONCE_BYTES)]
        return key_id, [
            salt + nonce + encrypt(nonce, plaintext, bound + context)
            for nonce, (plaintext, context) in zip(nonces, values, strict=True)
        ]

    def open(self, key_id: str, sealed: bytes, context: bytes) -> bytes:
        """As the port says."""
        ring = self._ring
        if key_id not in ring.keys.keys:
            raise DecryptionFailed(f"it was encrypted under the key {key_id!r}, which the keyring lacks")
        salt, rest = sealed[:SALT_BYTES], sealed[SALT_BYTES:]
        try:
            cipher = ring.derived(key_id, salt)
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bound(key_id) + context)
        except (InvalidTag, ValueError):
            raise DecryptionFailed(
                f"it is not what was encrypted here under the key {key_id!r}: it was changed, or belongs elsewhere"
            ) from None

    def blind(self, value: bytes, context: bytes) -> bytes:
        """As the port says."""
        message = len(context).to_bytes(4, "big") + context + value
        return hmac.digest(self._ring.keys.index, message, "sha256")[:BLIND_BYTES]


class _Ring:
    """One set of keys, with what is derived of them."""

    def __init__(self, keys: Keys, uses: int) -> None:
        self.keys = keys
        self.derived = lru_cache(maxsize=_DATA_KEYS)(self._derived)
        self._most = uses
        self._used = 0
        self._data_key: tuple[bytes, AESGCM] | None = None

    def data_key(self, uses: int) -> tuple[bytes, AESGCM]:
        """The salt and the cipher for the next ``uses`` values."""
        if self._data_key is None or self._used + uses > self._most:
            salt = os.urandom(SALT_BYTES)
            self._data_key, self._used = (salt, self.derived(self.keys.active, salt)), 0
        self._used += uses
        return self._data_key

    def _derived(self, key_id: str, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, _PURPOSE).derive(self.keys.keys[key_id]))


def _bound(key_id: str) -> bytes:
    """What stands before every context, so that a ciphertext belongs to its key."""
    return key_id.encode() + b"\0"
