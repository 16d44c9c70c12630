"""What a server says when it refuses a value often repeats the value; the service says all but that."""

from __future__ import annotations

import pytest

from domain.errors import PersistenceError, RecordRefused

CANARY, NUMBER = "canary-5d1f", 471100815
TABLE = """
CREATE TABLE kept (
    number INT, made DATETIME(6), short VARCHAR(4), plain VARCHAR(90) CHARACTER SET latin1, mail VARCHAR(90),
    UNIQUE KEY one_mail (mail), CONSTRAINT odd CHECK (short <> 'odd')
) DEFAULT CHARACTER SET utf8mb4
"""
PARTED = "CREATE TABLE parted (number INT) PARTITION BY LIST (number) (PARTITION one VALUES IN (1))"
SIGNAL = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'nobody changes ''{CANARY}'' here'"  # what triggers do
REFUSED = {
    "a text for a number": (f"INSERT INTO kept (number) VALUES ('{CANARY}')", "number"),
    "a quote in it": (f"INSERT INTO kept (number) VALUES ('''{CANARY}'' for column x at row 1')", "number"),
    "a line's end in it": (f"INSERT INTO kept (number) VALUES ('a\n{CANARY}')", "number"),
    "more than a message holds": (f"INSERT INTO kept (number) VALUES (CONCAT('{CANARY}', REPEAT('x', 900)))", "1366"),
    "no moment": (f"INSERT INTO kept (made) VALUES ('{CANARY}')", "made"),
    "what is made of it": (f"INSERT INTO kept (made) VALUES (STR_TO_DATE('{CANARY}', '%%Y'))", "str_to_date"),
    "not of the character set": (f"INSERT INTO kept (plain) VALUES ('🌍{CANARY}')", "plain"),
    "too long": (f"INSERT INTO kept (short) VALUES ('{CANARY}')", "short"),
    "a second one": (f"INSERT INTO kept (mail) VALUES ('{CANARY}'), ('{CANARY}')", "unique key"),
    "a rule": ("INSERT INTO kept (short) VALUES ('odd')", "odd"),
    "no place": (f"INSERT INTO parted VALUES ({NUMBER})", "no partition"),
    "a sum": (f"INSERT INTO kept (number) VALUES (18446744073709551615 + {NUMBER})", "out of range"),
    "a trigger": (SIGNAL, "nobody changes"),
}


@pytest.fixture
async def tables(connection):
    """Some that refuse much."""
    for statement in (TABLE, PARTED):
        await connection.execute(statement)
    return connection


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal_names_what_refuses_and_repeats_no_value(tables, what):
    statement, named = REFUSED[what]
    with pytest.raises(RecordRefused) as caught:
        await tables.execute(statement)

    assert named in caught.value.detail
    assert CANARY not in caught.value.detail
    assert str(NUMBER) not in caught.value.detail


async def test_a_statement_that_is_not_understood_is_not_repeated(tables):
    with pytest.raises(PersistenceError) as caught:
        await tables.execute(f"INSERT INTO kept VALUE IS ('{CANARY}')")

    assert " 1064: " in caught.value.detail
    assert CANARY not in caught.value.detail
