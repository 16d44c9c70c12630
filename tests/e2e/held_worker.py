"""The real worker process, but for one thing: what it is about to store waits, in the thread that stores, while the
file ``hold`` lies in the current folder. The file ``held`` tells that something waits, ``stored`` that it was stored.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from adapters.sqlite import backend
from entrypoints.worker import __main__ as worker

HOLD, HELD, STORED = Path("hold"), Path("held"), Path("stored")

_to_rows, _buried = backend.to_rows, backend.buried


def _hold(records: Any) -> Any:
    while HOLD.exists():
        HELD.touch()
        time.sleep(0.01)
    return _to_rows(records)


def _note(*found: Any) -> Any:
    if HELD.exists():
        STORED.touch()
    return _buried(*found)


if __name__ == "__main__":
    backend.to_rows, backend.buried = _hold, _note
    worker.LAST_SECONDS = 60  # the kernel would not wait for a slow test
    worker.main()
