"""The text of an encrypted value, as it stands in frames, rows and backups.

``enc1.BLIND.KEY.CONTENT``: what equal values have in common (empty where they are not compared), the id of the key, and
salt, nonce, ciphertext and tag, in base64url. The text of a JSON object stands in quotes: it is JSON, too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

import msgspec

from domain.model.email import normal_form

KEY_ID = r"[a-z0-9][a-z0-9_-]{0,31}"
BLIND_BYTES = 16
SALT_BYTES, NONCE_BYTES, TAG_BYTES = 16, 12, 16
MARK = "enc1."
MARKS = (MARK, f'"{MARK}')  # what the text of an encrypted value begins with
_BLIND_CHARS = 22
_OVERHEAD = SALT_BYTES + NONCE_BYTES + TAG_BYTES
_FRAME_CHARS = len(MARK) + _BLIND_CHARS + 1 + 32 + 1 + 2  # all but the content, with the quotes
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_FORM = re.compile(rf"enc1\.((?:[A-Za-z0-9_-]{{22}})?)\.({KEY_ID})\.([A-Za-z0-9_-]{{59,}})")


class Sealed(msgspec.Struct, frozen=True):
    """The parts of an encrypted value."""

    blind: str  # base64url; empty where values are not compared
    key_id: str
    content: bytes  # salt, nonce, ciphertext, tag


def texts_of(blinds: Iterable[str], key_id: str, contents: Iterable[bytes]) -> list[str]:
    """Encrypted values as they are stored, without quotes."""
    lines = b"".join(map(binascii.b2a_base64, contents)).translate(_URLSAFE, b"=").decode().split("\n")
    return [f"{MARK}{blind}.{key_id}.{line}" for blind, line in zip(blinds, lines[:-1], strict=True)]


def parsed(text: str) -> Sealed | None:
    """The parts of a stored text; None where it is no encrypted value."""
    form = _form_of(text)
    if form is None:
        return None
    blind, key_id, content = form.groups()
    return Sealed(blind, key_id, base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))


def key_of(text: str) -> str | None:
    """The id of the key that a stored text is encrypted under; None where it is no encrypted value."""
    form = _form_of(text)
    return form[2] if form else None


def is_sealed(text: str) -> bool:
    """Whether a text has the form of an encrypted value."""
    return _form_of(text) is not None


def _form_of(text: str) -> re.Match[str] | None:
    return _FORM.fullmatch(text.strip('"')) if text.startswith(MARKS) else None


def prefix_of(blind: str) -> str:
    """What the texts of all values with this blind begin with, and no others."""
    return f"{MARK}{blind}."


def stored_normal_form(address: str) -> str:
    """What stands for a stored address where no two may be equal; of an encrypted one, its blind.

    Raises ValueError where it is no address.
    """
    return MARK + address.split(".", 2)[1] if is_sealed(address) else normal_form(address)


def encoded(content: bytes) -> str:
    """base64url without padding."""
    return binascii.b2a_base64(content, newline=False).rstrip(b"=").translate(_URLSAFE).decode()


def longest(plaintext_bytes: int) -> int:
    """Characters of the longest text of an encrypted value that has so many bytes."""
    return _FRAME_CHARS + -(-(plaintext_bytes + _OVERHEAD) * 4 // 3)
