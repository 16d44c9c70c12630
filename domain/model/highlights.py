"""Parts of texts that show where the words of a search are."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_AROUND = 60  # characters before and behind the first word


def highlighted(text: str, words: Sequence[str]) -> str | None:
    """The part of a text around the first of the words, as HTML with each of them in <mark>; None if it has none."""
    folded = _folded(text)  # an expression of many words takes a second for a long text without them
    places = {word: place for word in words if (place := folded.find(_folded(word))) >= 0}
    if not places:
        return None
    first = min(places.values())
    length = max(len(word) for word, place in places.items() if place == first)
    begin, end = max(0, first - _AROUND), min(len(text), first + length + _AROUND)
    wanted = re.compile("|".join(map(re.escape, sorted(places, key=len, reverse=True))), re.IGNORECASE)
    parts, place = [], begin
    for match in wanted.finditer(text, begin, end):
        parts += [html.escape(text[place : match.start()]), f"<mark>{html.escape(match[0])}</mark>"]
        place = match.end()
    parts.append(html.escape(text[place:end]))
    return ("…" if begin else "") + "".join(parts) + ("…" if end < len(text) else "")


def _folded(text: str) -> str:
    """In lower case, character by character: the two that ``str.lower`` treats otherwise included."""
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")
