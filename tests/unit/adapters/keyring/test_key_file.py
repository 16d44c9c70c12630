"""Files of keys: made, read, changed, and refused."""

import base64
import os

import pytest

from adapters.keyring import key_file
from adapters.keyring.keys import keys_of
from domain.errors import InvalidConfiguration


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "keys.toml"
    key_file.create(path, "k1")
    return path


def random_key():
    return base64.b64encode(os.urandom(32)).decode()


def test_a_fresh_file_has_a_key_and_one_for_comparing(path):
    keys = key_file.read_keys(path)
    assert keys.active == "k1"
    assert {len(key) for key in (*keys.keys.values(), keys.index)} == {32}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_never_made_over_another(path):
    before = path.read_bytes()
    with pytest.raises(InvalidConfiguration, match="File exists"):
        key_file.create(path, "k1")
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o660])
def test_a_file_that_others_can_read_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(InvalidConfiguration, match=rf"open to others than its owner \(mode {mode:o}\); `chmod 600 "):
        key_file.read_keys(path)


def test_a_file_that_is_not_there_says_what_that_means(tmp_path):
    with pytest.raises(InvalidConfiguration, match=r"No such file .* nothing that is encrypted can be read"):
        key_file.read_keys(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("active", "it is not TOML"),
        ("", "missing required field"),
        ("active = 'k1'\nindex_key = 'x'\nkeys = 3", r"Expected `object`"),
        ("active = 'k1'\nindex_key = 'x'\nother = 1\n[keys]", "unknown field `other`"),
        ("active = 'k1'\nindex_key = 'x'\n[keys]", "there is no key"),
        ("active = 'k2'\nindex_key = 'x'\n[keys]\nk1 = 'x'", "no key 'k2'; there are: k1"),
        ("active = 'k1'\nindex_key = 'x'\n[keys]\nk1 = 'x'", "keys.k1: must be 32 bytes in base64"),
        ("active = 'K.1'\nindex_key = 'x'\n[keys]\n'K.1' = 'x'", r"'K\.1' is no id of a key"),
        ("active = 'k1'\nindex_key = ''\n[keys]\nk1 = 'RANDOM'", "index_key: is missing"),
        (
            "active = 'k1'\nindex_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='\n[keys]\nk1 = 'RANDOM'",
            "index_key: is not random",
        ),
    ],
)
def test_what_is_no_file_of_keys_is_refused(path, text, reason):
    path.write_text(text.replace("RANDOM", random_key()))
    with pytest.raises(InvalidConfiguration, match=reason):
        key_file.read_keys(path)


def test_keys_are_never_the_same():
    key = random_key()
    with pytest.raises(InvalidConfiguration, match="two keys are the same"):
        keys_of({"k1": key}, "k1", key)
    with pytest.raises(InvalidConfiguration, match="two keys are the same"):
        keys_of({"k1": key, "k2": key}, "k1", random_key())


def test_keys_are_shown_to_nobody(path):
    keys = key_file.read_keys(path)
    assert repr(keys) == "Keys(active='k1', ids=['k1'])"
    key_file.add(path, "k2", active=False)
    path.chmod(0o644)
    with pytest.raises(InvalidConfiguration) as caught:
        key_file.read_keys(path)
    assert base64.b64encode(keys.keys["k1"]).decode() not in str(caught.value)


def test_a_key_is_added_then_encrypts_then_goes(path):
    first = key_file.read_keys(path)
    key_file.add(path, "k2", active=False)
    assert key_file.read_keys(path).active == "k1"
    key_file.activate(path, "k2")
    second = key_file.read_keys(path)
    assert (second.active, second.keys["k1"], second.index) == ("k2", first.keys["k1"], first.index)
    key_file.remove(path, "k1")
    assert list(key_file.read_keys(path).keys) == ["k2"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_the_active_key_stays(path):
    with pytest.raises(InvalidConfiguration, match="there is no key"):
        key_file.remove(path, "k1")
    with pytest.raises(InvalidConfiguration, match="no key 'k3'"):
        key_file.activate(path, "k3")
    with pytest.raises(InvalidConfiguration, match="has a key 'k1' already"):
        key_file.add(path, "k1", active=True)
    assert key_file.read_keys(path).active == "k1"
