"""Recovery: an interrupted client gets everything it needs to go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from domain.errors import SessionFinished
from domain.model.changes import SessionProgress
from domain.model.query import And, Condition, Operator, Query, QueryResult
from domain.model.records import Record
from domain.model.translation import SESSIONS, TASKS, UNFINISHED
from domain.services.caching import Lookup
from domain.services.query import QueryService
from ports.ambient import Clock

_UNFINISHED = Condition("status", Operator.IN, UNFINISHED)


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A session that can go on."""

    session: Record
    progress: SessionProgress
    restored_at: datetime  # aware, UTC
    tasks: AsyncIterator[Sequence[Record]]  # all unfinished tasks, in key order


class RecoveryService:
    """Finds interrupted sessions and gives them back whole."""

    def __init__(self, query: QueryService, clock: Clock) -> None:
        self._query = query
        self._clock = clock

    async def incomplete(self, query: Query, *, strong: bool = False, lookup: Lookup | None = None) -> QueryResult:
        """One page of the sessions that are pending or processing."""
        narrowed = msgspec.structs.replace(query, filter=And((_UNFINISHED, query.filter)))
        return await self._query.find(SESSIONS, narrowed, strong=strong, lookup=lookup)

    async def restore(self, session_id: str) -> Restored:
        """The session, its statistics and all its unfinished tasks, as acknowledged when the call came.

        Raises RecordNotFound, SessionFinished, Replaying, FlushIncomplete, BackendError.
        """
        await self._query.settle(SESSIONS, TASKS)
        session = await self._query.get(SESSIONS, session_id)
        status = session.values[SESSIONS.positions["status"]]
        if status not in UNFINISHED:
            raise SessionFinished(f"Session {session_id!r} is {status}.")
        of_session = Condition("session_id", Operator.EQ, (session_id,))
        return Restored(
            session=session,
            progress=await self._query.progress(session_id),
            restored_at=self._clock.now(),
            tasks=self._query.scan(TASKS, And((of_session, _UNFINISHED))),
        )
