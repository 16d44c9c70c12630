"""One JSON object with a long array in it, read as it arrives."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import AsyncIterator
from typing import Any

MAX_VALUE_CHARACTERS = 16 * 1024 * 1024  # a record is far smaller
_BEHIND_A_VALUE = tuple(":,]} \t\n\r")
_SPACE = re.compile(r"[ \t\n\r]*")


class NotTheObject(Exception):
    """What arrives is not the object that was expected, or not all of it."""


class StreamedObject:
    """Keeps the members that are small; the items of the long array are handed on one by one.

    ``json.JSONDecoder.raw_decode`` reads one value out of the middle of a text; a value that it cannot read yet is
    tried again with the next chunk.
    """

    def __init__(self, chunks: AsyncIterator[bytes], array: str) -> None:
        """``chunks``: the body; ``array``: the member whose items are handed on."""
        self.members: dict[str, Any] = {}  # JSON: any value
        self._chunks = chunks
        self._array = array
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0

    async def items(self) -> AsyncIterator[Any]:
        """The items in order; ``members`` has what came before them. Raises NotTheObject, and what the chunks raise."""
        await self._expect("{")
        while not await self._skip("}"):
            name = await self._value()
            await self._expect(":")
            if name == self._array:
                await self._expect("[")
                while not await self._skip("]"):
                    yield await self._value()
                    await self._skip(",")
            else:
                self.members[name] = await self._value()
            await self._skip(",")

    async def _value(self) -> Any:
        while True:
            self._pass_space()
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if isinstance(error, RecursionError) or len(self._text) - self._at > MAX_VALUE_CHARACTERS:
                    raise NotTheObject from None
            else:
                if self._text[end : end + 1] in _BEHIND_A_VALUE:  # else a number may go on in the next chunk
                    self._at = end
                    return value
            await self._more()

    async def _expect(self, mark: str) -> None:
        if not await self._skip(mark):
            raise NotTheObject

    async def _skip(self, mark: str) -> bool:
        """Whether the next character that is no space is the mark; if so, it is passed."""
        self._pass_space()
        while self._at == len(self._text):
            await self._more()
            self._pass_space()
        found = self._text[self._at] == mark
        self._at += found
        return found

    def _pass_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    async def _more(self) -> None:
        try:
            chunk = await anext(self._chunks)
            self._text, self._at = self._text[self._at :] + self._utf8.decode(chunk), 0
        except (StopAsyncIteration, UnicodeDecodeError):
            raise NotTheObject from None
