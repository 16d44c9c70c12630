"""Backends whose schema is brought forward by an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from domain.model.schema_steps import SchemaStep


@runtime_checkable
class Migrating(Protocol):
    """Both calls work on a backend that is not open, and leave it closed."""

    async def steps(self) -> Sequence[SchemaStep]:
        """The forward steps of this release, in order, and which of them are applied. Changes nothing.

        Raises StartFailure (the schema is newer, or was made by other files), BackendError.
        """
        ...

    async def migrate(self) -> Sequence[str]:
        """Apply what is missing, under a lock that other processes respect; the names of the steps applied.

        Raises StartFailure, BackendError.
        """
        ...
