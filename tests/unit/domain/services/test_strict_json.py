from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import MalformedBody
from domain.services.strict_json import MAX_DEPTH, MAX_DIGITS, check

TEXT = st.text(st.sampled_from(list('ab[]{}"\\\x01\n0129,: \ud83d\ude00ü')), max_size=12)
VALUES = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=20,
)


def depth_of(value):
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 1 + max(map(depth_of, value.values()), default=0) if isinstance(value, dict) else 0


def holds_half_a_pair(value):
    return any(0xD800 <= ord(char) < 0xE000 for char in json.dumps(value, ensure_ascii=False))


@given(VALUES, st.integers(0, 32), st.booleans())
def test_the_door_agrees_with_a_parser_about_depth(value, levels, spaced):
    for level in range(levels):
        value = [value] if level % 2 else {"]}[{": value}
    if holds_half_a_pair(value):
        return
    body = json.dumps(value, ensure_ascii=spaced, indent=1 if spaced else None).encode()
    if depth_of(value) <= MAX_DEPTH:
        check(body)
    else:
        with pytest.raises(MalformedBody, match="deeper than 30"):
            check(body)


@given(TEXT)
def test_the_door_agrees_with_the_codec_about_surrogates_and_nul(text):
    body = json.dumps([text]).encode()
    try:
        json.loads(body)[0].encode()
    except UnicodeEncodeError:
        with pytest.raises(MalformedBody, match="surrogate"):
            check(body)
    else:
        check(body)


@pytest.mark.parametrize(
    "body",
    [
        rb'"\u0000"',
        rb'"\\\u0000"',
        rb'"\ud83d"',
        rb'"\ud83dx\ude00"',
        rb'"\ude00\ud83d"',
        rb'"\uD83D\uD83D\uDE00"',
        rb'"\ud83d\ude00\ude00"',
        rb'"\ud83d\\ude00"',
    ],
)
def test_escapes_that_no_text_may_hold_are_refused_by_their_place(body):
    with pytest.raises(MalformedBody, match=r"escape at byte \d+ stands for"):
        check(body)
    with pytest.raises(MalformedBody):
        check(body[:-1] + rb"\n" * 5000 + b'"')


@pytest.mark.parametrize(
    "body", [rb'"\\u0000"', rb'"\ud83d\ude00"', rb'"\\ud800"', rb'"\u00000"'.replace(b"0000", b"0001")]
)
def test_escapes_that_only_look_like_it_pass(body):
    check(body)
    check(body[:-1] + rb"\n" * 5000 + b'"')


@pytest.mark.parametrize("shift", [0, 1, 50, 99])
def test_digits_in_a_row_are_bounded_outside_of_strings(shift):
    longest, padding = b"1" * MAX_DIGITS, b" " * shift
    check(padding + b"[" + longest + b", -0." + longest + b"]")
    check(padding + b'["' + longest * 3 + b'", "\\"' + longest * 3 + b'"]')
    for number in (longest + b"1", b"-1." + longest + b"1", b"1e" + longest + b"1"):
        with pytest.raises(MalformedBody, match="more than 400 digits"):
            check(padding + b'["' + longest * 2 + b'", ' + number + b"]")


@pytest.mark.parametrize("body", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b'"\xf4\x90\x80\x80"', b'"\xe4\xb8'])
def test_only_utf8_passes(body):
    with pytest.raises(MalformedBody, match=r"not UTF-8 \(byte"):
        check(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'"', b'"\\', b"]]]]", b'{"a', b'["' + b"1" * 500, b"\\", b"1" * 400, b"}{" * 40],
    ids=repr,
)
def test_what_is_no_json_at_all_is_left_to_the_decoder(body):
    check(body)
