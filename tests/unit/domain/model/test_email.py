from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.email import MAX_BYTES, MAX_NORMAL_CHARS, normal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@example.com", "ann@EXAMPLE.com"),
        ("\uff21nn@example.com", "ann@example.com"),  # a fullwidth A
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
        ("STRASSE@example.com", "stra\u00dfe@example.com"),
        ("a@B\u00dcCHER.example", "a@b\u00fccher.example"),
        ("a@b\u00fccher.example", "a@XN--BCHER-KVA.example"),
        ("a@b\u00fccher\u3002example", "a@xn--bcher-kva.example"),
        ("a@\u4f8b\u3048.jp", "a@xn--r8jz45g.jp"),
    ],
)
def test_two_ways_to_write_one_address_have_one_normal_form(one, other):
    assert normal_form(one) == normal_form(other)
    assert normal_form(one).rpartition("@")[2].isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "a.nn@example.com"),
        ("ann@example.com", "ann+x@example.com"),
        ("a@stra\u00dfe.example", "a@strasse.example"),  # two domains, since 2010
        ("ann@example.com", "ann@example.org"),
        ("\u0430nn@example.com", "ann@example.com"),  # a Cyrillic letter: another character, not another way to write
    ],
)
def test_different_addresses_have_different_normal_forms(one, other):
    assert normal_form(one) != normal_form(other)


@pytest.mark.parametrize(
    "address",
    ["a@b", "root@localhost", "a.b-c_d+e@x-y.z", "!#$%&'*+/=?^_`{|}~-@x.y", "\u7528\u6237@\u4f8b\u5b50.cn", "a@1.2"],
)
def test_addresses_that_people_have_are_taken(address):
    assert "@" in normal_form(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "ann", "@example.com", "ann@", "a@b@c", "a b@c.d", " ann@example.com", "ann@example.com ", "a@b c"),
        *("ann@example..com", "ann@.com", "ann@com.", ".ann@x.y", "ann.@x.y", "a..b@x.y", "ann@-x.y", "ann@x-.y"),
        *('"a b"@x.y', "ann(comment)@x.y", "ann@[127.0.0.1]", "Ann <ann@x.y>", "a,b@x.y", "a@x_y.z", "a\\b@x.y"),
        *("ann\uff20example.com", "a\ufe6b@x.y", "a\u00a0b@x.y", "a\u200b@x.y", "a@x\u200by.z", "a\r\n@x.y", "a\t@x.y"),
        *("a@xn--.z", "a@xn--abc-.z", "a@xn--999999999.z", "a@xn--\u00fc.z", "a\ud800@x.y", "a@\ud800.y", "a@x/y.z"),
        *("x" * 65 + "@y.z", "a@" + "x" * 64 + ".z", "a@" + ".".join(["x" * 50] * 5), "x" * 10_000, "@" * 10_000),
        "\ufdfa" * 20 + "@x.y",  # one character that stands for a sentence of 33 bytes
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(address):
    with pytest.raises(ValueError, match=r"\w"):
        normal_form(address)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_normal_form_is_its_own_and_within_its_limit(local, domain):
    try:
        found = normal_form(f"{local}@{domain}")
    except ValueError:
        return
    assert normal_form(found) == found
    assert len(found) <= MAX_NORMAL_CHARS
    assert len(f"{local}@{domain}".encode()) <= MAX_BYTES
