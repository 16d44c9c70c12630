"""Values that are encrypted, and what the ciphertexts betray."""

import os

import pytest

from adapters.keyring.aes import AesKeyring
from adapters.keyring.keys import Keys
from domain.errors import DecryptionFailed
from domain.model.sealed import NONCE_BYTES, SALT_BYTES

PLACE = b"users, u1, email"


def keys(active="k1", *others, index=None):
    return Keys(active=active, keys={each: os.urandom(32) for each in (active, *others)}, index=index or os.urandom(32))


def sealed_by(keyring, plaintext):
    key_id, (sealed,) = keyring.seal([(plaintext, PLACE)])
    return key_id, sealed


@pytest.fixture
def keyring():
    return AesKeyring(keys())


def test_a_value_comes_back_as_it_was(keyring):
    for plaintext in (b"", b"ann@example.org", "安@例.cn".encode(), os.urandom(70_000)):
        key_id, sealed = sealed_by(keyring, plaintext)
        assert (key_id, keyring.open(key_id, sealed, PLACE)) == ("k1", plaintext)
        assert not plaintext or plaintext not in sealed


def test_equal_values_are_encrypted_differently(keyring):
    assert len({sealed_by(keyring, b"ann@example.org") for _ in range(100)}) == 100


def test_no_byte_can_be_changed(keyring):
    _, sealed = sealed_by(keyring, b"ann@example.org")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed, match="changed, or belongs elsewhere"):
            keyring.open("k1", bytes(changed), PLACE)
    for size in range(len(sealed)):
        with pytest.raises(DecryptionFailed):
            keyring.open("k1", sealed[:size], PLACE)


def test_a_value_of_another_place_or_key_is_refused():
    keyring = AesKeyring(keys("k1", "k2"))
    _, sealed = sealed_by(keyring, b"ann@example.org")
    with pytest.raises(DecryptionFailed, match="belongs elsewhere"):
        keyring.open("k1", sealed, b"users, u2, email")
    with pytest.raises(DecryptionFailed, match="belongs elsewhere"):
        keyring.open("k2", sealed, PLACE)
    with pytest.raises(DecryptionFailed, match="'k3', which the keyring lacks"):
        keyring.open("k3", sealed, PLACE)


def test_a_value_belongs_to_the_id_of_its_key():
    one = os.urandom(32)
    keyring = AesKeyring(Keys(active="k1", keys={"k1": one, "k2": one}, index=os.urandom(32)))
    _, sealed = sealed_by(keyring, b"ann@example.org")
    with pytest.raises(DecryptionFailed, match="belongs elsewhere"):
        keyring.open("k2", sealed, PLACE)


def test_a_wrong_key_under_the_right_name_reads_nothing():
    _, sealed = sealed_by(AesKeyring(keys()), b"ann@example.org")
    with pytest.raises(DecryptionFailed):
        AesKeyring(keys()).open("k1", sealed, PLACE)


def test_keys_are_exchanged_while_in_use():
    former = keys("k1")
    keyring = AesKeyring(former)
    _, old = sealed_by(keyring, b"ann")
    keyring.turn_to(Keys(active="k2", keys={**former.keys, "k2": os.urandom(32)}, index=former.index))
    assert sealed_by(keyring, b"ann")[0] == "k2"
    assert keyring.open("k1", old, PLACE) == b"ann"
    assert sorted(keyring.ids) == ["k1", "k2"]


def test_a_data_key_is_left_after_so_many_uses():
    keyring = AesKeyring(keys(), uses=10)
    sealed = [sealed_by(keyring, b"ann")[1] for _ in range(100)]
    salts = [each[:SALT_BYTES] for each in sealed]
    assert len(set(salts)) == 10
    assert all(salts.count(salt) == 10 for salt in salts)
    assert {keyring.open("k1", each, PLACE) for each in sealed} == {b"ann"}


def test_of_many_values_each_belongs_to_its_own_place(keyring):
    values = [(b"ann", b"users, u1, email"), (b"bob", b"users, u2, email"), (b"", b"")]
    key_id, sealed = keyring.seal(values)
    assert [keyring.open(key_id, each, context) for each, (_, context) in zip(sealed, values, strict=True)] == [
        plaintext for plaintext, _ in values
    ]
    with pytest.raises(DecryptionFailed, match="belongs elsewhere"):
        keyring.open(key_id, sealed[0], values[1][1])
    assert keyring.seal([]) == (key_id, [])


def test_values_that_come_together_have_nonces_of_their_own(keyring):
    _, sealed = keyring.seal([(b"ann", PLACE)] * 200)
    assert len({each[SALT_BYTES : SALT_BYTES + NONCE_BYTES] for each in sealed}) == 200


def test_no_data_key_is_used_more_often_for_values_that_come_together():
    keyring = AesKeyring(keys(), uses=10)
    salts = [each[:SALT_BYTES] for _ in range(30) for each in keyring.seal([(b"ann", PLACE)] * 4)[1]]
    assert {salts.count(salt) for salt in salts} == {8}


def test_each_start_of_a_process_has_a_data_key_of_its_own():
    same = keys()
    salts = {sealed_by(AesKeyring(same), b"ann")[1][:SALT_BYTES] for _ in range(20)}
    assert len(salts) == 20


def test_equal_values_are_found_by_what_tells_nothing_else(keyring):
    blind = keyring.blind(b"ann@example.org", b"users, email")
    assert blind == keyring.blind(b"ann@example.org", b"users, email")
    others = [
        keyring.blind(b"bob@example.org", b"users, email"),
        keyring.blind(b"ann@example.org", b"users, name"),
        keyring.blind(b"lann@example.org", b"users, emai"),
        AesKeyring(keys()).blind(b"ann@example.org", b"users, email"),
    ]
    assert len({blind, *others}) == 5


def test_values_are_still_found_when_keys_were_exchanged():
    index = os.urandom(32)
    one, other = AesKeyring(keys(index=index)), AesKeyring(keys("k2", index=index))
    assert one.blind(b"ann", PLACE) == other.blind(b"ann", PLACE)


@pytest.mark.slow
def test_of_a_million_encryptions_no_two_have_one_nonce():
    keyring = AesKeyring(keys(), uses=300_000)
    batches = (keyring.seal([(b"", PLACE)] * 200)[1] for _ in range(5_000))
    nonces = {sealed[: SALT_BYTES + NONCE_BYTES] for batch in batches for sealed in batch}
    assert len(nonces) == 1_000_000
    assert len({nonce[:SALT_BYTES] for nonce in nonces}) == 4
    assert len({nonce[SALT_BYTES:] for nonce in nonces}) == 1_000_000
