"""How a collection is buffered and flushed; the defaults are the product's."""

from __future__ import annotations

from typing import Literal

import msgspec

MAX_BATCH_RECORDS = 10_000  # records in one JSON request
MAX_BATCH_BYTES = 8 * 1024 * 1024  # bytes of one JSON request, and of one frame
MAX_RECORD_BYTES = 1024 * 1024  # bytes of one record as sent
PAGE_CHARACTERS = 32 * 1024 * 1024  # of text that one page may hold in memory
MAX_STATEMENT_RECORDS = 1000  # records in one call of ``StorageBackend.write``


class BufferPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and triggers of the pending log."""

    max_bytes: int = 256 * 1024 * 1024  # payload, 512 bytes a frame, 256 a record; all lanes together
    lane_share: float = 0.75  # of max_bytes, for one lane alone
    soft_share: float = 0.6  # of either bound: beyond it the client that has most waiting is asked to slow down
    soft_age_seconds: float = 3600.0  # the same when the oldest record waits longer
    hard_age_seconds: float = 86_400.0  # nothing more is taken while the oldest record waits longer
    linger_seconds: float = 0.1  # how long the first record of an idle lane waits for company
    max_age_seconds: float = 30.0  # no record waits longer for its flush to begin
    batch_records: int = 1000  # the size trigger at the start; adapts between the two below
    batch_records_min: int = 500
    batch_records_max: int = 5000
    batch_bytes: int = 8 * 1024 * 1024  # a batch is never begun with more payload than this, but for one frame
    slow_flush_seconds: float = 2.0  # an average above shrinks the trigger by 100
    fast_flush_seconds: float = 0.5  # an average below grows it by 100
    on_failure: Literal["dead_letter", "discard"] = "dead_letter"  # what becomes of a record the backend refuses
    read_deadline_seconds: float = 5.0  # how long a read waits for the replay, or a strong read for its flush
