"""E-mail addresses: which are taken, and when two of them are the same.

The address of RFC 5321 and 6531 without its rarities: no quoted local part, no comments, no address literal. Two are
the same if their normal forms are: compatibility characters folded (NFKC), case folded on both sides of the @, and the
domain in its ASCII form (IDNA). The standard lets a server tell ``Ann`` from ``ann``; none that people use does, and
two accounts that differ in that alone are a mistake or a trick. Dots and ``+tags`` stay: their meaning is the server's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

MAX_BYTES = 254  # of an address, in UTF-8 (RFC 5321, 4.5.3.1.3, without the angle brackets)
MAX_NORMAL_CHARS = 318  # of a normal form: 64 + @ + 253
_MAX_LOCAL_BYTES = 64
_MAX_DOMAIN_CHARS = 253
_MAX_LABEL_CHARS = 63
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]")
_ASCII_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_WORDS = ("L", "M", "N")  # categories of characters: letters, marks, numbers
_IN_LOCAL = (*_WORDS, "S", "P")


def normal_form(address: str) -> str:
    """What stands for an address where addresses are compared. Raises ValueError with what is wrong, in words."""
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError("it has no @")
    if len(address.encode(errors="replace")) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes of UTF-8")
    return f"{_local(local)}@{_domain(domain)}"


def _local(text: str) -> str:
    folded = _folded(text)
    for part in (text, folded):
        if not 1 <= len(part.encode(errors="replace")) <= _MAX_LOCAL_BYTES:
            raise ValueError(f"before the @ it needs 1 to {_MAX_LOCAL_BYTES} bytes of UTF-8")
        if not all(part.split(".")):
            raise ValueError("before the @ a dot stands between other characters only")
        for character in part:
            if character != "." and not _is_in(character, _ATOM, _IN_LOCAL):
                raise ValueError(f"before the @ it has {character!r}, which is not taken there")
    return folded


def _domain(text: str) -> str:
    labels = [_label(label) for label in _lower(text).replace("\u3002", ".").split(".")]
    domain = ".".join(labels)
    if len(domain) > _MAX_DOMAIN_CHARS:
        raise ValueError(f"its domain has more than {_MAX_DOMAIN_CHARS} characters")
    return domain


def _label(label: str) -> str:
    if label.startswith("xn--"):
        label = _decoded(label)
    if not label.isascii():
        if not all(character == "-" or unicodedata.category(character)[0] in _WORDS for character in label):
            raise ValueError("its domain has a character that no domain has")
        label = "xn--" + label.encode("punycode").decode()
    if len(label) > _MAX_LABEL_CHARS or not _ASCII_LABEL.fullmatch(label):
        raise ValueError("its domain is none")
    return label


def _decoded(label: str) -> str:
    try:
        decoded = label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        decoded = ""
    if not decoded or decoded.isascii() or _lower(decoded) != decoded:
        raise ValueError("its domain has an `xn--` part that stands for nothing")
    return decoded


def _lower(text: str) -> str:
    return _settled(text, str.lower)  # not casefold: to it "ß" is "ss", to the registries of domains it is not


def _folded(text: str) -> str:
    return _settled(text, str.casefold)


def _settled(text: str, fold: Callable[[str], str]) -> str:
    """The text folded and in NFKC: each may undo the other, so again until nothing changes."""
    while (folded := unicodedata.normalize("NFKC", fold(unicodedata.normalize("NFKC", text)))) != text:
        text = folded
    return text


def _is_in(character: str, ascii_ones: re.Pattern[str], categories: tuple[str, ...]) -> bool:
    if character.isascii():
        return ascii_ones.fullmatch(character) is not None
    return unicodedata.category(character)[0] in categories
