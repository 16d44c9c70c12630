"""The text of an encrypted value: taken apart, and told from every other text."""

import os

import pytest

from domain.model.sealed import (
    Sealed,
    encoded,
    is_sealed,
    key_of,
    longest,
    parsed,
    prefix_of,
    stored_normal_form,
    texts_of,
)

BLIND = encoded(bytes(16))


@pytest.mark.parametrize("blind", ["", BLIND])
@pytest.mark.parametrize("size", [44, 45, 46, 47, 10_000])
def test_what_is_put_together_comes_apart(blind, size):
    contents = [os.urandom(size) for _ in range(3)]
    for content, text in zip(contents, texts_of([blind] * 3, "k-1", contents), strict=True):
        assert parsed(text) == parsed(f'"{text}"') == Sealed(blind, "k-1", content)
        assert key_of(text) == key_of(f'"{text}"') == "k-1"
        assert is_sealed(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enc1.",
        "enc1.a.b.c",
        "ann@example.org",
        "enc1." + "A" * 22 + ".k1." + "A" * 58,
        "enc1." + "A" * 21 + ".k1." + "A" * 59,
        "enc1." + "A" * 22 + ".K1." + "A" * 59,
        "enc1." + "A" * 22 + ".k1." + "A" * 59 + "=",
        "enc1." + "A" * 22 + ".k1." + "A" * 59 + "\n",
        " enc1." + "A" * 22 + ".k1." + "A" * 59,
        '{"enc1": 1}',
    ],
)
def test_other_texts_are_none(text):
    assert parsed(text) is None
    assert key_of(text) is None
    assert not is_sealed(text)


def test_what_equal_values_have_in_common_is_their_beginning():
    one, other = (text for key in ("k1", "k2") for text in texts_of([BLIND], key, [os.urandom(60)]))
    assert one.startswith(prefix_of(BLIND))
    assert other.startswith(prefix_of(BLIND))
    assert stored_normal_form(one) == stored_normal_form(other) == f"enc1.{BLIND}"
    assert stored_normal_form("Ann@Example.org") == "ann@example.org"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 254, 4096])
def test_the_longest_text_has_room(size):
    (text,) = texts_of([BLIND], "k" * 32, [os.urandom(size + 44)])
    assert len(f'"{text}"') <= longest(size)
