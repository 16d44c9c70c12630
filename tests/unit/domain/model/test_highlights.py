"""Highlights show the first of the words, and every one near it."""

from __future__ import annotations

import html
import random
import re

import pytest

from domain.model.highlights import highlighted


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("one two", ["two", "one"], "<mark>one</mark> <mark>two</mark>"),
        ("<b>", ["b", "<"], "<mark>&lt;</mark><mark>b</mark>&gt;"),
        ("ISTANBUL \u0130stanbul", ["\u0130stanbul"], "<mark>ISTANBUL</mark> <mark>\u0130stanbul</mark>"),
        ("\u03a3\u0391\u03a3\u0391", ["\u03c3\u03b1\u03c2"], "<mark>\u03a3\u0391\u03a3</mark>\u0391"),
        ("a" * 100 + "word" + "b" * 100, ["WORD", "wor"], f"…{'a' * 60}<mark>word</mark>{'b' * 60}…"),
        ("nothing of it", ["word"], None),
        ("", ["word"], None),
    ],
)
def test_the_part_around_the_first_word_is_shown(text, words, shown):
    assert highlighted(text, words) == shown


def test_any_text_is_shown_as_one_expression_of_all_words_would_find_it():
    chance = random.Random(3)
    for _ in range(3000):
        text = "".join(chance.choices("abAB .\u00e4\u00c4\u0416\u0436&<", k=chance.randrange(200)))
        words = ["".join(chance.choices("abA\u00e4\u0416&", k=chance.randint(1, 4))) for _ in range(3)]
        wanted = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
        first = re.search(wanted, text, re.IGNORECASE)
        shown = highlighted(text, words)
        assert (shown is None) is (first is None)
        if shown is not None:
            begin, end = max(0, first.start() - 60), first.end() + 60
            plain = html.unescape(shown.replace("<mark>", "").replace("</mark>", "")).strip("…")
            assert plain == text[begin:end]
            marked = [html.unescape(found) for found in re.findall("<mark>(.*?)</mark>", shown)]
            assert marked == re.compile(wanted, re.IGNORECASE).findall(text, begin, min(end, len(text)))
