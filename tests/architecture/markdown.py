"""Markdown as the documents of this repository use it: fenced blocks, sections, links."""

import re
from typing import NamedTuple

_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_HEADING = re.compile(r"(?m)^(#+) +(.*)$")
_LINK = re.compile(r"""\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)\"""")


class Fence(NamedTuple):
    """One fenced block: its language, its text, and the line that its text begins at, from 1."""

    language: str
    text: str
    line: int


class Section(NamedTuple):
    """What stands under one heading, up to the next; the text before the first heading has level 0."""

    level: int
    title: str
    text: str


def fences(document):
    """The fenced blocks, in order."""
    return [
        Fence(found[1], found[2], document.count("\n", 0, found.start(2)) + 1) for found in _FENCE.finditer(document)
    ]


def prose(document):
    """The document without its fenced blocks."""
    return _FENCE.sub("", document)


def sections(document):
    """The prose cut at its headings, in order."""
    before, *rest = _HEADING.split(prose(document))
    headed = zip(rest[0::3], rest[1::3], rest[2::3], strict=True)
    return [Section(0, "", before), *(Section(len(marks), title, text) for marks, title, text in headed)]


def links(document):
    """Where the links and pictures outside of fenced blocks and code lead to, in order."""
    return [found[1] or found[2] for found in _LINK.finditer(re.sub(r"`[^`\n]*`", "", prose(document)))]


def code(text):
    """The inline code of a piece of prose, in order."""
    return re.findall(r"`([^`\n]+)`", text)


def anchors(document):
    """The anchors that a code host gives to the headings."""
    given, seen = [], {}
    for section in sections(document)[1:]:
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", section.title).lower())
        anchor = words.strip().replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        given.append(f"{anchor}-{count}" if count else anchor)
    return given
