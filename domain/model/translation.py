"""The first client's collections: translation sessions, made of translation tasks."""

from __future__ import annotations

from domain.model.collections import MAX_TEXT_BYTES, Collection, Field, FieldType, Index

SESSION_STATUSES = ("pending", "processing", "completed", "failed", "cancelled")
TASK_STATUSES = ("pending", "processing", "completed", "failed")
UNFINISHED = ("pending", "processing")


def _identifier(name: str, *, required: bool = True, nullable: bool = False) -> Field:
    return Field(
        name=name, type=FieldType.IDENTIFIER, required=required, nullable=nullable, max_chars=64, max_bytes=255
    )


def _language(name: str) -> Field:
    return Field(name=name, type=FieldType.TEXT, required=True, max_chars=35)


def _status(choices: tuple[str, ...]) -> Field:
    return Field(name="status", type=FieldType.CHOICE, required=True, choices=choices)


METADATA = Field(name="metadata", type=FieldType.OBJECT, max_bytes=65_535, sealable=True)
TIMES = (
    Field(name="created_at", type=FieldType.INSTANT),
    Field(name="updated_at", type=FieldType.INSTANT),
)

SESSIONS = Collection(
    name="translation_sessions",
    noun="session",
    envelope="sessions",
    newest_first=True,
    fields=(
        _identifier("session_id"),
        Field(name="user_id", type=FieldType.TEXT, nullable=True, max_chars=255),
        Field(name="name", type=FieldType.TEXT, nullable=True, max_chars=1024, searchable=True, sealable=True),
        _status(SESSION_STATUSES),
        _language("source_lang"),
        _language("target_lang"),
        Field(name="total_tasks", type=FieldType.INTEGER, minimum=0),
        METADATA,
        *TIMES,
    ),
    indexes=(
        Index(("status", "created_at")),
        Index(("user_id", "created_at")),
        Index(("created_at",)),
        Index(("updated_at",)),
    ),
)

TASKS = Collection(
    name="translation_tasks",
    noun="task",
    envelope="tasks",
    parent="session_id",
    fields=(
        _identifier("task_id"),
        _identifier("session_id"),
        _identifier("batch_id", required=False, nullable=True),
        _status(TASK_STATUSES),
        Field(
            name="source_text",
            type=FieldType.TEXT,
            required=True,
            max_bytes=MAX_TEXT_BYTES,
            searchable=True,
            sealable=True,
        ),
        Field(
            name="translated_text",
            type=FieldType.TEXT,
            nullable=True,
            max_bytes=MAX_TEXT_BYTES,
            searchable=True,
            sealable=True,
        ),
        _language("source_lang"),
        _language("target_lang"),
        Field(name="priority", type=FieldType.INTEGER),
        Field(name="retry_count", type=FieldType.INTEGER, minimum=0),
        Field(
            name="error_message", type=FieldType.TEXT, nullable=True, max_bytes=65_535, searchable=True, sealable=True
        ),
        METADATA,
        *TIMES,
    ),
    indexes=(
        Index(("session_id", "status")),
        Index(("session_id", "created_at")),
        Index(("batch_id",)),
        Index(("status", "updated_at")),
    ),
)
