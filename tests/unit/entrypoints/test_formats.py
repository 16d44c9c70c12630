"""What an export is written as."""

import csv
import io
import json

from domain.model.translation import SESSIONS, TASKS
from entrypoints.formats import FORMATS

TASK = {field.name: None for field in TASKS.fields} | {"task_id": "t", "priority": -1}


def rows(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_csv_reads_back_whatever_is_in_a_text():
    lines = FORMATS["csv"](TASKS)
    text = 'a,"b"\r\n\ufeff=1\t\u2028ü'
    record = json.dumps(TASK | {"source_text": text, "metadata": 0}).replace(
        '"metadata": 0', '"metadata": {"a": 1.0, "b":"\\n"}'
    )
    header, row = rows(lines.head + lines.of([record.encode()]))
    assert header == [field.name for field in TASKS.fields]
    found = dict(zip(header, row, strict=True))
    assert found["source_text"] == text
    assert found["metadata"] == '{"a": 1.0, "b":"\\n"}'
    assert (found["priority"], found["translated_text"]) == ("-1", "")


def test_ndjson_is_one_object_a_line():
    lines = FORMATS["ndjson"](SESSIONS)
    assert lines.head + lines.of([b'{"a":1}', b'{"b":2}']) == b'{"a":1}\n{"b":2}\n'
