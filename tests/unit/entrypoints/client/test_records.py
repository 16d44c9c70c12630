"""Files of records, cut into requests."""

import gzip
import json
import os
import threading

import pytest

from entrypoints.client.records import PORTION_BYTES, Portion, Refusal, portions

TASK = {"task_id": "t", "session_id": "s"}


def write(path, *lines):
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def shape(path, size=100):
    return [
        (part.envelope, part.lines) if isinstance(part, Portion) else (part.line, part.detail)
        for part in portions(path, size)
    ]


@pytest.mark.parametrize("name", ["records.ndjson", "records.ndjson.gz"])
def test_a_file_is_cut_in_order_with_its_line_numbers(tmp_path, name):
    path = write(tmp_path / name, *[{"session_id": f"s{i}"} for i in range(5)])
    assert shape(path, size=2) == [("sessions", (1, 2)), ("sessions", (3, 4)), ("sessions", (5,))]


def test_the_body_holds_the_records_as_they_stand_in_the_file(tmp_path):
    path = write(tmp_path / "x", b'{"task_id":"1", "metadata":{"b":1,"a":2}}\n', b'  {"task_id":"2"}\r\n')
    (portion,) = portions(path, 10)
    assert portion.body == b'{"tasks":[{"task_id":"1", "metadata":{"b":1,"a":2}},{"task_id":"2"}]}'


def test_the_first_record_tells_the_kind_of_all(tmp_path):
    assert shape(write(tmp_path / "a", TASK, {"session_id": "s"})) == [("tasks", (1, 2))]
    assert shape(write(tmp_path / "b", {"session_id": "s"}, TASK)) == [("sessions", (1, 2))]


def test_a_log_is_told_without_a_key_and_beside_those_of_others(tmp_path):
    log = {"level": "info", "message": "m", "task_id": "t", "session_id": "s"}
    assert shape(write(tmp_path / "x", log)) == [("logs", (1,))]


def test_blank_lines_count_and_are_left_out(tmp_path):
    assert shape(write(tmp_path / "x", b"\n", TASK, b"  \n\n", TASK)) == [("tasks", (2, 5))]


def test_a_last_line_without_its_end_is_a_record(tmp_path):
    assert shape(write(tmp_path / "x", TASK, b'{"task_id":"u"}')) == [("tasks", (1, 2))]


@pytest.mark.parametrize("bad", [b"[1]\n", b"{\n", b"nonsense\n", b'{"task_id":"x"}{"task_id":"y"}\n', b"\xff\n"])
def test_a_line_that_is_no_json_object_is_refused_alone(tmp_path, bad):
    first, second = shape(write(tmp_path / "x", TASK, bad, TASK))
    assert first[0] == 2
    assert first[1].startswith("not a JSON object")
    assert second == ("tasks", (1, 3))


def test_a_file_of_something_else_is_given_up_at_once(tmp_path):
    path = write(tmp_path / "x", *[{"id": i} for i in range(1000)])
    sentence = (
        "no task (task_id), session (session_id), user (user_id) or log (level, message); nothing of this file is sent"
    )
    assert shape(path) == [(1, sentence)]


@pytest.mark.parametrize("mebibytes", [2, 3, 4, 5])
def test_a_line_too_long_for_a_record_is_refused_and_the_next_ones_are_read(tmp_path, mebibytes):
    path = write(tmp_path / "x", TASK, b"[" + b" " * (mebibytes * 1024 * 1024 - 1) + b"\n", TASK)
    (line, detail), rest = shape(path)
    assert (line, "NDJSON" in detail) == (2, True)
    assert rest == ("tasks", (1, 3))


def test_a_line_without_end_is_refused(tmp_path):
    ((line, detail),) = shape(write(tmp_path / "x", b"[" + b" " * (5 * 1024 * 1024)))
    assert (line, "NDJSON" in detail) == (1, True)


def test_a_pipe_is_read_like_a_file(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b'{"task_id":"t"}\n',))
    writer.start()
    (portion,) = portions(path, 10)
    writer.join()
    assert (portion.lines, portion.position) == ((1,), 0)


def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path):
    assert shape(tmp_path) == [(1, "the file cannot be read on from here: Is a directory")]


def test_portions_are_bounded_in_bytes(tmp_path):
    big = {"task_id": "t", "source_text": "x" * 700_000}
    parts = list(portions(write(tmp_path / "x", *[big] * 12), 100))
    assert [len(part.records) for part in parts] == [5, 5, 2]
    assert all(len(part.body) < PORTION_BYTES + 1000 for part in parts)


def test_a_damaged_compressed_file_gives_what_is_readable_and_names_the_place(tmp_path):
    path = write(tmp_path / "x.gz", *[{"task_id": f"t{i}", "source_text": f"{i**50:x}"} for i in range(2000)])
    path.write_bytes(path.read_bytes()[:-500])
    *_, refusal, rest = parts = list(portions(path, 100))
    assert isinstance(refusal, Refusal)
    assert "damaged" in refusal.detail
    assert rest.lines[-1] + 1 == refusal.line
    assert sum(len(part.records) for part in parts if isinstance(part, Portion)) == refusal.line - 1 > 1000


def test_gzip_is_told_by_the_content_and_a_mark_at_the_beginning_is_passed_over(tmp_path):
    plain, packed = tmp_path / "x.gz", tmp_path / "y.ndjson"
    plain.write_bytes(b'\xef\xbb\xbf{"task_id":"t"}\n')
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert shape(plain) == shape(packed) == [("tasks", (1,))]


def test_a_file_of_something_else_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\x80 no record\n" * 100_000 + b'{"task_id":"t"}\n')
    *lines, last = shape(path)
    assert [line for line, _ in lines] == list(range(1, 11))
    assert last == (11, "after 10 lines without a record the rest is not read: not a file of NDJSON")


def test_bad_lines_behind_a_record_end_nothing(tmp_path):
    path = write(tmp_path / "x", TASK, *[b"nonsense\n"] * 50, TASK)
    found = shape(path)
    assert len(found) == 51
    assert found[-1] == ("tasks", (1, 52))


def test_the_position_follows_the_file(tmp_path):
    path = write(tmp_path / "x.gz", *[{"task_id": f"t{i}", "source_text": f"{i**50:x}"} for i in range(2000)])
    positions = [part.position for part in portions(path, 100)]
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size


def test_halves_are_the_whole(tmp_path):
    (portion,) = portions(write(tmp_path / "x", *[{"task_id": f"t{i}"} for i in range(5)]), 10)
    first, second = portion.halves()
    assert first.records + second.records == portion.records
    assert (first.lines, second.lines) == ((1, 2), (3, 4, 5))
