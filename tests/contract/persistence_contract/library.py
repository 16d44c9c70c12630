"""A library of records with ties, nulls and odd texts, on which queries are compared."""

from __future__ import annotations

import random

from domain.model.records import Record
from persistence_contract.records import record, tombstone

WORDS = [
    *("", "a", "A", "ab", "abc", "á", "a\u0301", "b", "z", "%", "_", "a%", "a_c", "\\", "'", '"', "\x1a", "é"),
    *("🌍", "🌍a", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "\U0010ffff\U0010ffff", "1", "true", "null", " a", "a "),
]
STATUSES = ["pending", "processing", "completed", "failed"]


def library() -> list[Record]:
    """Seventy records with ties, nulls and odd texts, and some tombstones."""
    chance = random.Random(20261124)
    records = [
        record(
            f"k{number:02}{chance.choice(WORDS)}",
            chance.randint(0, 3),
            number + 1,
            chance.randint(-2, 2) / 2,
            session_id=chance.choice("rst"),
            batch_id=chance.choice([None, "b", "c"]),
            status=chance.choice(STATUSES),
            source_text=chance.choice(WORDS),
            translated_text=chance.choice([None, *WORDS]),
            error_message=chance.choice([None, "", "a", "%"]),
            priority=chance.randint(-1, 1),
            retry_count=chance.randint(0, 2),
        )
        for number in range(70)
    ]
    dead = [tombstone(f"k{number:02}dead", 1, number) for number in range(70, 76)]
    return sorted(records + dead, key=lambda one: one.key)
