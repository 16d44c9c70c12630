"""How much of a long result is held in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sql.rows import Row
from domain.errors import InvalidParameter
from domain.model.policies import PAGE_CHARACTERS

PORTION_RECORDS = 1000
PORTION_CHARACTERS = 8 * 1024 * 1024  # of text: a portion ends with the record that passes it


class Portion:
    """The first rows of a result, as many as may be held."""

    def __init__(self, records: int = PORTION_RECORDS, characters: int = PORTION_CHARACTERS) -> None:
        self.rows: list[Row] = []
        self.cut = False  # a row was left out
        self._records = records
        self._characters = characters

    def take(self, row: Row) -> bool:
        """Keep a row; False when there is no room for it."""
        if len(self.rows) == self._records or self._characters < 0:
            self.cut = True
            return False
        self.rows.append(row)
        self._characters -= sum(len(value) for value in row if type(value) is str)
        return True


def whole_page(portion: Portion) -> Sequence[Row]:
    """The rows of a portion that had room for the whole page. Raises InvalidParameter, naming ``page_size``."""
    if portion.cut:
        raise InvalidParameter(
            f"`page_size`: the first {len(portion.rows)} records hold more than {PAGE_CHARACTERS} characters; "
            "ask for fewer at once."
        )
    return portion.rows
