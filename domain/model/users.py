"""Users: who works with the service's clients, each with an e-mail address that no other one has."""

from __future__ import annotations

from domain.model.collections import Collection, Field, FieldType, Index
from domain.model.email import MAX_BYTES, MAX_NORMAL_CHARS
from domain.model.translation import METADATA, TIMES

USERS = Collection(
    name="users",
    noun="user",
    envelope="users",
    fields=(
        Field(name="user_id", type=FieldType.IDENTIFIER, required=True, max_chars=64, max_bytes=255),
        Field(name="email", type=FieldType.EMAIL, required=True, max_chars=MAX_BYTES, sensitive=True, sealable=True),
        Field(
            name="email_normalized",
            type=FieldType.TEXT,
            nullable=True,
            max_chars=MAX_NORMAL_CHARS,
            normal_form_of="email",
            sensitive=True,
        ),
        Field(name="name", type=FieldType.TEXT, nullable=True, max_chars=255, sealable=True),
        Field(name="preferences", type=FieldType.OBJECT, max_bytes=65_535, sensitive=True, sealable=True),
        METADATA,
        *TIMES,
    ),
    indexes=(Index(("email_normalized",), unique=True), Index(("created_at",)), Index(("updated_at",))),
)
