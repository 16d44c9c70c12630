"""One JSON object with a long array in it."""

import json

import pytest

from entrypoints.client import streamed
from entrypoints.client.streamed import NotTheObject, StreamedObject

TASKS = [{"text": ']},"{[ \\ ü𝄞', "nested": {"tasks": [1, [2]]}}, {}, 17, -1.5e3, None, "x", []]
HEAD = {"session": {"session_id": "s", "tasks": []}, "n": 12}


async def in_chunks(body, size):
    for begin in range(0, len(body), size):
        yield body[begin : begin + size]


async def read(body, size=7):
    answer = StreamedObject(in_chunks(body, size), "tasks")
    return [item async for item in answer.items()], answer.members


@pytest.mark.parametrize("size", [1, 2, 7, 65536])
@pytest.mark.parametrize("style", [{}, {"indent": 3}, {"separators": (",", ":"), "ensure_ascii": False}])
async def test_items_and_members_come_whole_however_they_are_cut(size, style):
    body = json.dumps({**HEAD, "tasks": TASKS, "after": True}, **style).encode()
    assert await read(body, size) == (TASKS, {**HEAD, "after": True})


async def test_an_empty_array_and_no_array_have_no_items():
    assert await read(b'{"tasks": [], "n": 1}') == ([], {"n": 1})
    assert await read(b'{"n": 1}') == ([], {"n": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"n": 1, "tasks": [{"a": 1}, ',
        b'{"n": 1, "tasks": [{"a": 1}]',
        b'{"tasks": {"a": 1}}',
        b'{"tasks": [nonsense]}',
        b'{"n" 1}',
        b'{"n": "\xff"}',
        b'{"n": ' + b"[" * 100_000,
    ],
)
async def test_what_is_not_the_object_or_not_all_of_it_is_refused(body):
    with pytest.raises(NotTheObject):
        await read(body, 1000)


async def test_items_that_came_before_a_cut_were_handed_on():
    answer = StreamedObject(in_chunks(b'{"tasks": [1, 2, 3, {"a"', 3), "tasks")
    items = answer.items()
    assert [await anext(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(NotTheObject):
        await anext(items)


async def test_a_value_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(streamed, "MAX_VALUE_CHARACTERS", 1000)
    with pytest.raises(NotTheObject):
        await read(b'{"n": "' + b"x" * 100_000, 100)
