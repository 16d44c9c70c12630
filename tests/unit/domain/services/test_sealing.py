"""Encryption of declared fields: the way in, the way out, and what can be asked."""

import asyncio
import json
import os
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.keyring.aes import AesKeyring
from adapters.keyring.keys import Keys
from domain.errors import DecryptionFailed, InvalidParameter, InvalidRecords
from domain.model.frames import Frame
from domain.model.observations import DecryptionRefused
from domain.model.query import And, Condition, Not, Operator, Or, Query, Sort
from domain.model.sealed import is_sealed, parsed
from domain.model.translation import TASKS
from domain.model.users import USERS
from domain.services.schema import RecordSchema
from domain.services.sealing import Sealing

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIELDS = {"users": ["email", "preferences", "name"], "translation_tasks": ["source_text", "metadata"]}
KEYS = Keys(active="k1", keys={"k1": os.urandom(32), "k2": os.urandom(32)}, index=os.urandom(32))
USER = {"user_id": "u1", "email": "Ann@Example.org", "name": "enc1.x", "preferences": {"theme": "dark"}}


class Seal:
    def __init__(self, fields=FIELDS, keys=KEYS) -> None:
        self.seen = []
        self.keyring = AesKeyring(keys)
        self.sealing = Sealing(fields, self.keyring, self.seen.append)

    async def frame(self, *bodies, collection=USERS):
        schema = RecordSchema(collection)
        checked = await self.sealing.sealed(collection, schema.check(json.dumps(bodies).encode(), NOW))
        return Frame(accepted_at=NOW, first_revision=4096, count=checked.count, payload=checked.payload, sequence=1)

    async def stored(self, *bodies, collection=USERS):
        return RecordSchema(collection).records(await self.frame(*bodies, collection=collection))


@pytest.fixture
def seal():
    return Seal()


def plain(*bodies, collection=USERS):
    schema = RecordSchema(collection)
    payload = schema.check(json.dumps(bodies).encode(), NOW).payload
    return schema.records(Frame(accepted_at=NOW, first_revision=4096, count=len(bodies), payload=payload, sequence=1))


def value(record, field, collection=USERS):
    return record.values[collection.positions[field]]


async def test_what_goes_in_encrypted_comes_out_as_it_was(seal):
    others = [
        {"user_id": "u2", "email": "安@例.cn", "name": None, "preferences": {}},
        {"user_id": "u3", "email": "bob@example.org", "name": 'ä"\\\n\t\x01' + "€" * 249},
        {"user_id": "u4", "email": "eve@example.org", "name": "", "preferences": {"a": ["\u0007", 1.50, None, "é"]}},
    ]
    stored = await seal.stored(USER, *others)
    assert [seal.sealing.opened(USERS, record) for record in stored] == plain(USER, *others)


async def test_the_log_and_the_store_hold_no_plaintext(seal):
    frame = await seal.frame(USER)
    (record,) = RecordSchema(USERS).records(frame)
    for text in ("Ann@", "ann@", "xample", '{"theme', '"dark'):  # none that base64 may happen to spell
        assert text not in repr(record)
        assert text.encode() not in frame.payload
    assert RecordSchema(USERS).record_at(frame, 0) == record
    assert value(record, "name") != "enc1.x"


async def test_absent_and_null_values_are_not_encrypted(seal):
    (record,) = await seal.stored({"user_id": "u1", "email": "ann@example.org", "name": None})
    assert (value(record, "name"), value(record, "preferences")) == (None, "{}")


async def test_equal_values_have_different_ciphertexts_and_one_blind(seal):
    one, other = await seal.stored(USER, {**USER, "user_id": "u2", "email": "ann@example.ORG"})
    assert value(one, "email") != value(other, "email")
    assert value(one, "email_normalized") == value(other, "email_normalized")
    assert parsed(value(one, "email")).blind == value(one, "email_normalized").removeprefix("enc1.")
    assert parsed(value(one, "preferences")).blind == ""


@pytest.mark.parametrize(
    ("source", "target"),
    [(("u1", "email"), ("u2", "email")), (("u1", "name"), ("u1", "email")), (("u1", "email"), ("u1", "name"))],
)
async def test_a_ciphertext_in_another_place_is_refused_and_counted(seal, source, target):
    records = {record.key: record for record in await seal.stored(USER, {**USER, "user_id": "u2"})}
    values = list(records[target[0]].values)
    values[USERS.positions[target[1]]] = value(records[source[0]], source[1])
    with pytest.raises(DecryptionFailed, match=rf"`{target[1]}` of user '{target[0]}' cannot .* belongs elsewhere"):
        seal.sealing.opened(USERS, msgspec.structs.replace(records[target[0]], values=tuple(values)))
    (refused,) = seal.seen
    assert isinstance(refused, DecryptionRefused)
    assert (refused.collection, refused.field, refused.key) == ("users", target[1], target[0])


async def test_a_ciphertext_of_another_collection_is_refused(seal):
    task = {"task_id": "u1", "session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
    (task,) = await seal.stored({**task, "source_text": "x"}, collection=TASKS)
    (user,) = await seal.stored(USER)
    values = list(user.values)
    values[USERS.positions["name"]] = value(task, "source_text", TASKS)
    with pytest.raises(DecryptionFailed, match="`name` of user 'u1'"):
        seal.sealing.opened(USERS, msgspec.structs.replace(user, values=tuple(values)))


async def test_a_changed_blind_is_refused(seal):
    (record,) = await seal.stored(USER)
    values = list(record.values)
    text = value(record, "email")
    values[USERS.positions["email"]] = text.replace(parsed(text).blind, "A" * 22)
    with pytest.raises(DecryptionFailed):
        seal.sealing.opened(USERS, msgspec.structs.replace(record, values=tuple(values)))


async def test_without_the_key_nothing_is_read(seal):
    (record,) = await seal.stored(USER)
    other = Seal(keys=Keys(active="k3", keys={"k3": os.urandom(32)}, index=KEYS.index))
    with pytest.raises(DecryptionFailed, match="under the key 'k1', which the keyring lacks"):
        other.sealing.opened(USERS, record)
    with pytest.raises(DecryptionFailed, match=r"no \[keyring\] is configured"):
        Sealing().opened(USERS, record)


async def test_only_what_is_asked_for_is_decrypted(seal):
    (record,) = await seal.stored(USER)
    opened = seal.sealing.opened(USERS, record, ("user_id", "name"))
    assert value(opened, "name") == "enc1.x"
    assert is_sealed(value(opened, "email"))
    opened = seal.sealing.opened(USERS, record, ("email_normalized",))
    assert value(opened, "email_normalized") == "ann@example.org"
    assert is_sealed(value(opened, "email"))


async def test_what_was_written_before_is_read_as_it_is(seal):
    (record,) = plain({**USER, "name": "Ann"})
    assert seal.sealing.opened(USERS, record) == record


async def test_a_field_that_is_no_longer_encrypted_is_still_read(seal):
    stored = await seal.stored(USER)
    now = Sealing({}, seal.keyring)
    assert [now.opened(USERS, record) for record in stored] == plain(USER)


@pytest.mark.parametrize("text", ["enc1.{0}.k1.{1}", "enc1..k1.{1}", '"enc1..k1.{1}"', r"\u0065nc1..k1.{1}"])
@pytest.mark.parametrize("field", ["source_text", "error_message"])
def test_nobody_can_send_what_looks_like_an_encrypted_value(text, field):
    task = {"task_id": "t", "session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
    body = json.dumps([{"source_text": "x", **task, field: text.format("A" * 22, "B" * 60)}])
    with pytest.raises(InvalidRecords) as caught:
        RecordSchema(TASKS).check(body.replace("\\\\u", "\\u").encode(), NOW)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == (f"/0/{field}", "invalid_value")


async def test_text_that_only_begins_like_one_is_taken():
    task = {"task_id": "t", "session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
    (record,) = plain({**task, "source_text": "enc1. is what it begins with"}, collection=TASKS)
    assert Sealing(FIELDS, AesKeyring(KEYS)).opened(TASKS, record) == record


async def test_the_json_of_a_dead_letter_is_read_like_its_record(seal):
    frame = await seal.frame(USER)
    (body,) = msgspec.json.decode(frame.payload, type=list[msgspec.Raw])
    assert json.loads(seal.sealing.opened_text(USERS, "u1", bytes(body))) == USER
    with pytest.raises(DecryptionFailed):
        seal.sealing.opened_text(USERS, "u2", bytes(body))
    for odd in (b"", b"[]", b"{", b'"x"', b'{"user_id":"u1"}'):
        assert seal.sealing.opened_text(USERS, "u1", odd) == odd


def where(field, operator, *operands):
    return Condition(field, operator, operands)


async def test_equal_values_are_asked_for_by_their_blind(seal):
    (record,) = await seal.stored(USER)
    for field, sent in (("email", "ANN@example.org"), ("email_normalized", "ann@example.org")):
        assert seal.sealing.where(USERS, where(field, Operator.EQ, sent)) == where(
            "email_normalized", Operator.IN, value(record, "email_normalized"), "ann@example.org"
        )
    found = seal.sealing.where(USERS, where("name", Operator.EQ, "enc1.x"))
    assert isinstance(found, Or)
    beginning, as_before = found.terms
    assert (beginning.operator, as_before) == (Operator.PREFIX, where("name", Operator.IN, "enc1.x"))
    assert value(record, "name").startswith(beginning.operands[0])
    several = seal.sealing.where(USERS, where("name", Operator.IN, "a", "b"))
    assert [term.operator for term in several.terms] == [Operator.PREFIX, Operator.PREFIX, Operator.IN]


async def test_the_rest_of_a_filter_stays_as_it_is(seal):
    key, null = where("user_id", Operator.GT, "a"), where("email", Operator.ISNULL, False)
    tree = And((key, Not(Or((null, key)))))
    assert seal.sealing.where(USERS, tree) == tree
    nobody = where("email", Operator.EQ, "no address")
    assert seal.sealing.where(USERS, nobody) == where("email_normalized", Operator.IN, "no address")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (where("email", Operator.PREFIX, "a"), "`email` is encrypted: it can be compared by `eq`, `in` and `isnull`"),
        (where("email", Operator.NE, "a"), "`email` is encrypted"),
        (where("email_normalized", Operator.CONTAINS, "a"), "`email_normalized` is encrypted"),
        (where("name", Operator.GT, "a"), "`name` is encrypted"),
        (where("preferences", Operator.EQ, "{}"), "`preferences` is encrypted: it can be compared by `isnull` alone"),
    ],
)
def test_other_comparisons_name_the_field(seal, condition, reason):
    for filtered in (condition, Not(And((Or((condition,)),)))):
        with pytest.raises(InvalidParameter, match=reason):
            seal.sealing.where(USERS, filtered)


@pytest.mark.parametrize("field", ["email", "email_normalized", "name", "preferences"])
def test_no_order_is_known_of_what_is_encrypted(seal, field):
    with pytest.raises(InvalidParameter, match=f"`{field}` is encrypted: no list can be sorted"):
        seal.sealing.query(USERS, Query(sort=(Sort(field), Sort("user_id"))))
    assert Sealing().query(USERS, Query(sort=(Sort(field), Sort("user_id"))))


async def test_records_are_encrypted_anew_under_the_active_key(seal):
    old = [*await seal.stored(USER), *plain({**USER, "user_id": "u2", "email": "bob@example.org", "name": "Bob"})]
    assert seal.sealing.resealed(USERS, old[0]) is None
    seal.keyring.turn_to(msgspec.structs.replace(KEYS, active="k2"))
    for record in old:
        new = seal.sealing.resealed(USERS, record)
        assert {parsed(value(new, name)).key_id for name in FIELDS["users"]} == {"k2"}
        assert seal.sealing.opened(USERS, new) == seal.sealing.opened(USERS, record)
        assert (new.version, new.created_at) == (record.version, record.created_at)
        assert seal.sealing.resealed(USERS, new) is None
    assert value(seal.sealing.resealed(USERS, old[0]), "email_normalized") == value(old[0], "email_normalized")


async def test_records_are_decrypted_where_a_field_is_encrypted_no_more(seal):
    (record,) = await seal.stored(USER)
    fewer = Sealing({"users": ["name"]}, seal.keyring)
    new = fewer.resealed(USERS, record)
    assert (value(new, "email"), value(new, "email_normalized")) == ("Ann@Example.org", "ann@example.org")
    assert is_sealed(value(new, "name"))
    assert fewer.resealed(USERS, new) is None


async def test_of_a_digest_nothing_is_kept_that_a_guess_could_meet(seal):
    digest = bytes(range(32))
    hidden = seal.sealing.hidden(USERS, digest)
    assert len(hidden) == 32
    assert hidden == seal.sealing.hidden(USERS, digest)
    assert hidden != Seal(keys=msgspec.structs.replace(KEYS, index=os.urandom(32))).sealing.hidden(USERS, digest)
    assert Sealing().hidden(USERS, digest) == digest


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
OBJECTS = st.dictionaries(TEXTS, st.recursive(TEXTS | st.integers() | st.none(), st.lists, max_leaves=5), max_size=4)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, metadata=OBJECTS, ascii_only=st.booleans())
def test_whatever_is_taken_comes_back_as_it_was(text, metadata, ascii_only):
    task = {"task_id": "t", "session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
    payload = json.dumps([{**task, "source_text": text, "metadata": metadata}], ensure_ascii=ascii_only).encode()
    schema, sealing = RecordSchema(TASKS), Sealing(FIELDS, AesKeyring(KEYS))
    checked = schema.check(payload, NOW)
    frame = Frame(accepted_at=NOW, first_revision=4096, count=1, payload=payload, sequence=1)
    sealed = asyncio.run(sealing.sealed(TASKS, checked)).payload
    (stored,) = schema.records(msgspec.structs.replace(frame, payload=sealed))
    assert is_sealed(value(stored, "source_text", TASKS))
    assert [sealing.opened(TASKS, stored)] == schema.records(frame)


async def test_many_records_let_others_run(seal):
    bodies = [{"user_id": f"u{n}", "email": f"u{n}@example.org"} for n in range(2_000)]
    stored = await seal.stored(*bodies)
    assert all(is_sealed(value(record, "email")) for record in stored)
    assert [value(seal.sealing.opened(USERS, r), "email") for r in stored] == [b["email"] for b in bodies]
