"""Logs: what applications say of their doings, kept for a while."""

from __future__ import annotations

from domain.model.collections import Collection, Field, FieldType, Index
from domain.model.translation import TIMES

LEVELS = ("trace", "debug", "info", "warning", "error", "critical")


def _identifier(name: str) -> Field:
    return Field(name=name, type=FieldType.IDENTIFIER, nullable=True, max_chars=64, max_bytes=255)


def _name(name: str) -> Field:
    return Field(name=name, type=FieldType.TEXT, nullable=True, max_chars=255)


LOGS = Collection(
    name="logs",
    noun="log",
    envelope="logs",
    newest_first=True,
    keep_days=30,
    keys_made=True,
    fields=(
        Field(name="log_id", type=FieldType.IDENTIFIER, max_chars=64, max_bytes=255),
        Field(name="level", type=FieldType.CHOICE, required=True, choices=LEVELS),
        Field(name="message", type=FieldType.TEXT, required=True, max_bytes=65_535, sealable=True),
        _name("service"),
        _name("logger"),
        _name("instance"),
        _identifier("trace_id"),
        _identifier("session_id"),
        _identifier("task_id"),
        Field(name="context", type=FieldType.OBJECT, max_bytes=65_535, sealable=True),
        *TIMES,
    ),
    indexes=(
        Index(("created_at",)),
        Index(("level", "created_at")),
        Index(("session_id", "created_at")),
        Index(("trace_id",)),
    ),
)
