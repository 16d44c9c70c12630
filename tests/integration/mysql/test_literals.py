"""What is written as a literal comes back as it was, whatever it is made of, from columns of every kind we have."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.mysql.literals import tuple_literal
from domain.errors import RecordRefused

NASTY = "\0\x1a\x08\t\n\r\\'\"`%_;-#/*() aAäÄßàa\u0301\u0300\u200b\u00a0\ufeff\uffff\ue000\ud7ff你🌍👩‍👩‍👧\U0010ffff"
texts = st.text(st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"])), max_size=40)
rows = st.tuples(
    texts.filter(lambda text: len(text.encode()) <= 250),
    texts,
    st.one_of(st.none(), texts),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.binary(max_size=40),
)
TABLE = """
CREATE TABLE kept (
    number INT NOT NULL PRIMARY KEY, id VARBINARY(255) NOT NULL, short VARCHAR(64) NOT NULL, long_one MEDIUMTEXT,
    count BIGINT, raw BLOB NOT NULL
) DEFAULT CHARACTER SET utf8mb4
"""
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)


async def test_rows_come_back_as_they_were_sent(connection):
    await connection.execute(TABLE)
    loop = asyncio.get_running_loop()

    async def round_trip(batch) -> None:
        await connection.execute("DELETE FROM kept")
        literals = b",".join(tuple_literal((number, *row)) for number, row in enumerate(batch))
        await connection.send(b"INSERT INTO kept VALUES " + literals)
        found = await connection.fetch("SELECT id, short, long_one, count, HEX(raw) FROM kept ORDER BY number")
        assert found == [(*row[:4], row[4].hex().upper()) for row in batch]

    @relaxed
    @given(st.lists(rows, min_size=1, max_size=25))
    def search(batch) -> None:
        asyncio.run_coroutine_threadsafe(round_trip(batch), loop).result()

    await asyncio.to_thread(search)


async def test_values_in_conditions_mean_themselves(connection):
    await connection.execute(TABLE)
    for number, text in enumerate(["a%", "ab", "a_", "a\\", "a\\%", "A%", "a% "]):
        await connection.execute("INSERT INTO kept VALUES (%s, %s, %s, NULL, NULL, x'')", number, text, text)

    for number, text in enumerate(["a%", "ab", "a_", "a\\"]):
        assert await connection.fetch("SELECT number FROM kept WHERE id = %s", text) == [(number,)]
        found = "SELECT COUNT(*) FROM kept WHERE INSTR(id, %s) = 1 AND number <> 4"
        assert await connection.fetchval(found, text) == (2 if text == "a%" else 1)


async def test_what_no_column_holds_is_refused_before_it_is_sent(connection):
    for value in ("\ud800", "\udcff", 10**5000, True, 1.5):
        with pytest.raises(RecordRefused, match="cannot hold the value"):
            await connection.execute("DO %s", value)
    assert await connection.fetchval("SELECT 1") == 1
