"""The forward steps of a backend's schema."""

from __future__ import annotations

import msgspec


class SchemaStep(msgspec.Struct, frozen=True, kw_only=True):
    """One migration as a backend knows it."""

    name: str  # "0001_expand_translation_sessions.sql"
    applied: bool
