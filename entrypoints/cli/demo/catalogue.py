"""The bundled records: real translations, and one of their sessions as it was before anybody worked on it."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]  # a record as it is sent
KEYS = {"sessions": "session_id", "tasks": "task_id"}
INTERRUPTED = "django-7335cb41861dfc47"  # Japanese, 89 tasks, all of them translated
_TIMES = ("created_at", "updated_at")


class Catalogue:
    """Every record in its final state, by kind and key."""

    def __init__(self) -> None:
        self.sessions = _read("sessions")
        self.tasks = _read("tasks")

    @property
    def work(self) -> dict[str, Json]:
        """The finished tasks of the session that will be interrupted."""
        return {key: task for key, task in self.tasks.items() if task["session_id"] == INTERRUPTED}

    def write_unfinished(self, folder: Path) -> list[Path]:
        """Write files to import, in which that session's work is still to be done."""
        sessions = self.sessions | {INTERRUPTED: _undone(self.sessions[INTERRUPTED], "processing")}
        tasks = self.tasks | {key: _undone(task, "pending") for key, task in self.work.items()}
        files = []
        for envelope, records in (("sessions", sessions), ("tasks", tasks)):
            files.append(folder / f"{envelope}.ndjson")
            files[-1].write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records.values()))
        return files


def equal(sent: Json, stored: Json) -> bool:
    """Whether a stored record says all that was sent."""
    return all(name in stored and _value(name, value) == _value(name, stored[name]) for name, value in sent.items())


def _read(envelope: str) -> dict[str, Json]:
    with gzip.open(Path(__file__).with_name(f"{envelope}.ndjson.gz"), "rb") as lines:
        records = [msgspec.json.decode(line, type=Json) for line in lines]
    return {record[KEYS[envelope]]: record for record in records}


def _undone(record: Json, status: str) -> Json:
    kept = {name: value for name, value in record.items() if name != "translated_text"}
    return kept | {"status": status, "updated_at": record["created_at"]}


def _value(name: str, value: Any) -> object:
    return datetime.fromisoformat(value) if name in _TIMES else value
