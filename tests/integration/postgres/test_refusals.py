"""What the server says when it refuses a value often repeats the value; the service says all but that."""

from __future__ import annotations

import pytest

from domain.errors import RecordRefused

CANARY, NUMBER = "canary-5d1f", 471100815471100815
MAKE = (
    """
    CREATE TABLE kept (
        number integer, made timestamptz, short varchar(4), mail text CONSTRAINT one_mail UNIQUE, document jsonb,
        CONSTRAINT odd CHECK (short <> 'odd')
    )
    """,
    f"""
    CREATE FUNCTION jealous() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'nobody changes "{CANARY}" here'; END $$
    """,
    "CREATE TRIGGER jealous BEFORE DELETE ON kept FOR EACH ROW EXECUTE FUNCTION jealous()",
    "INSERT INTO kept (number) VALUES (1)",
)
REFUSED = {
    "a text for a number": (f"INSERT INTO kept (number) VALUES ('{CANARY}')", "type integer"),
    "a quote in it": (f"INSERT INTO kept (number) VALUES ('\"{CANARY}\" x')", "type integer"),
    "a line's end in it": (f"INSERT INTO kept (number) VALUES ('a\n{CANARY}')", "type integer"),
    "a number too large": (f"INSERT INTO kept (number) VALUES ('{NUMBER}')", "out of range for type integer"),
    "no moment": (f"INSERT INTO kept (made) VALUES ('{CANARY}')", "timestamp"),
    "no document": (f"INSERT INTO kept (document) VALUES ('{CANARY}')", "type json"),
    "too long": (f"INSERT INTO kept (short) VALUES ('{CANARY}')", "character varying(4)"),
    "a second one": (f"INSERT INTO kept (mail) VALUES ('{CANARY}'), ('{CANARY}')", "one_mail"),
    "a rule": ("INSERT INTO kept (short) VALUES ('odd')", "odd"),
    "a trigger": ("DELETE FROM kept", "nobody changes"),
}


@pytest.fixture
async def tables(pool):
    """Some that refuse much."""
    async with pool.acquire(60) as connection:
        for statement in MAKE:
            await connection.execute(statement)
        yield connection


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal_names_what_refuses_and_repeats_no_value(tables, what):
    statement, named = REFUSED[what]
    with pytest.raises(RecordRefused) as caught:
        await tables.execute(statement)

    assert named in caught.value.detail
    assert CANARY not in caught.value.detail
    assert str(NUMBER) not in caught.value.detail
