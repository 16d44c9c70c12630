"""Parts of texts that show where the words of a search are."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_AROUND = 60  # characters before and behind the first word


def highlighted(text: str, words: Sequence[str]) -> str | None:
    """The part of a text around the first of the words, as HTML with each of them in <mark>; None if it has none."""
    wanted = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    first = wanted.search(text)
    if first is None:
        return None
    begin, end = max(0, first.start() - _AROUND), min(len(text), first.end() + _AROUND)
    parts, place = [], begin
    for match in wanted.finditer(text, begin, end):
        parts += [html.escape(text[place : match.start()]), f"<mark>{html.escape(match[0])}</mark>"]
        place = match.end()
    parts.append(html.escape(text[place:end]))
    return ("…" if begin else "") + "".join(parts) + ("…" if end < len(text) else "")
