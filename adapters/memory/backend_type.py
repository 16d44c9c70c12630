"""The backend type ``memory``."""

from __future__ import annotations

from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend


class MemorySettings(BackendSettings, frozen=True, kw_only=True):
    """Nothing on disk: for trials. What was flushed is gone with the process."""


def _build(_: MemorySettings, __: BackendContext) -> OpenableBackend:
    from adapters.memory.backend import MemoryBackend

    return MemoryBackend()


MEMORY = BackendType(MemorySettings, _build, alone=True)
