"""What stands behind ``type = "..."`` in a ``[backends.NAME]`` table: a settings struct and a constructor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from domain.model.collections import Collection
from ports.resource import Resource
from ports.storage_backend import StorageBackend


class OpenableBackend(StorageBackend, Resource, Protocol):
    """A storage backend with a lifecycle."""


class BackendSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a ``[backends.NAME]`` table beside ``type``; a type derives its own, with a default where it has one.

    Declare passwords as ``domain.model.secret.Secret``: they are masked wherever settings are shown.
    """


class BackendContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend is told about the place where it serves."""

    name: str  # of its table, for messages
    data_folder: Path  # absolute; everything durable is under it
    collections: tuple[Collection, ...]  # every declared one: any of them may be routed to it while it serves

    def path(self, text: str) -> Path:
        """An absolute path from a setting in which ``{data_dir}`` stands for the data folder."""
        return Path(text.replace("{data_dir}", str(self.data_folder))).expanduser().absolute()


S = TypeVar("S", bound=BackendSettings)


class BackendType(msgspec.Struct, Generic[S], frozen=True):
    """A type of backend. A package registers one under the entry-point group ``persistence.backends``.

    ``build`` does no I/O and raises StartFailure where the settings contradict each other; what is built is opened
    before it serves. Import drivers in it, not beside it: the configuration is read by commands that open nothing.
    ``alone`` says that nothing but the one service it is configured for writes to such a backend while it runs.
    ``drain = "process"`` has batches written by a worker process, with a backend of its own: for a backend that many
    processes may use, and whose writing costs so much processor time that the intake beside it would suffer.
    """

    settings: type[S]
    build: Callable[[S, BackendContext], OpenableBackend]
    drain: Literal["inline", "process"] = "inline"
    alone: bool = False
