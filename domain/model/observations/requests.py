"""Requests, and what they brought."""

from __future__ import annotations

from domain.model.observations.root import Observed


class RequestServed(Observed, frozen=True, kw_only=True, tag=True):
    """An HTTP request was answered."""

    method: str
    endpoint: str  # route template, never the path itself
    status: int
    seconds: float
    request_id: str
    principal: str | None = None  # who asked: kind and id, never the credential
    user_id: str | None = None
    session_id: str | None = None
    error: str | None = None  # stable code of the problem answered


class RequestFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A request met a bug; the only place where a traceback is reported."""

    method: str
    endpoint: str
    request_id: str
    traceback: str


class RequestsLimited(Observed, frozen=True, kw_only=True, tag=True):
    """A request was one too many."""

    quota: str


class QuotasDegraded(Observed, frozen=True, kw_only=True, tag=True):
    """Instances cannot count together: each grants its own part from here on."""

    detail: str


class QuotasShared(Observed, frozen=True, kw_only=True, tag=True):
    """They count together again."""


class RecordsAccepted(Observed, frozen=True, kw_only=True, tag=True):
    """A request's records are durable in the pending log."""

    collection: str
    noun: str
    count: int
    payload_bytes: int
    seconds: float = 0.0  # until they were durable
