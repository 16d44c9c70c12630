"""The one place where a domain error becomes an HTTP status: RFC 9457 problem documents."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator

from aiohttp import web

from domain import errors
from domain.errors import PersistenceError
from domain.model.observations import RequestFailed
from domain.model.records import Record
from entrypoints.http import shown, tus
from entrypoints.http.answers import SAFETY
from entrypoints.http.call import Call
from entrypoints.http.door import CHALLENGE
from entrypoints.http.media import ACCEPT_PATCH, ACCEPT_POST
from entrypoints.http.preconditions import quoted
from entrypoints.http.wire import Document, body_of

PROBLEM = "application/problem+json"

STATUS: dict[type[PersistenceError], int] = {  # the nearest class in an error's ancestry decides
    errors.InvalidRequest: 400,
    errors.BodyTooSlow: 408,
    errors.Unauthenticated: 401,
    errors.MissingScope: 403,
    errors.ForeignOrigin: 403,
    errors.InvalidRecords: 422,
    errors.DigestMismatch: 422,
    errors.ChecksumMismatch: 460,  # which the tus protocol has made up
    errors.IdempotencyKeyReused: 422,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.ProtocolVersionUnknown: 412,
    errors.RangeNotSatisfiable: 416,
    errors.AbilityMissing: 501,
    errors.Unavailable: 503,
    errors.SlowDown: 429,
    errors.RecordRefused: 422,
    errors.StartFailure: 422,  # of a configuration that is to be reloaded
    errors.DeadlineExceeded: 504,
    PersistenceError: 500,
}


def problem_response(error: Exception, call: Call) -> web.Response:
    """The answer to a failed request; what is not a domain error is a bug, and only the log hears of it."""
    problem = _as_problem(error, call)
    call.error = problem.code
    status = status_of(type(problem))
    response = web.Response(
        status=status, body=body_of(_document(problem, status, call)), headers={"Content-Type": PROBLEM}
    )
    response.headers.update(_headers(problem, call))
    if isinstance(problem, errors.Unauthenticated):
        response.force_close()
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def protocol_problem(status: int) -> web.Response:
    """The answer to bytes that are no request (400), or to a fault outside of every handler."""
    broken = errors.InvalidRequest(
        "This is not HTTP/1.1: an unknown method, a broken head, one beyond 8 KiB a line or 128 lines, or an `Expect` "
        "other than `100-continue`."
    )
    problem = broken if status == 400 else errors.UnexpectedFailure()
    document = summary(problem) | {"status": status, "cure": type(problem).cure}
    response = web.Response(status=status, body=body_of(document), headers={"Content-Type": PROBLEM, **SAFETY})
    response.force_close()
    return response


def status_of(kind: type[PersistenceError]) -> int:
    """The HTTP status of an error class."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def kinds() -> Iterator[type[PersistenceError]]:
    """Every error class, each code once: what `/problems/{code}` explains."""
    waiting: list[type[PersistenceError]] = [errors.UnexpectedFailure, PersistenceError]
    seen = set()
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        if kind.code not in seen:
            seen.add(kind.code)
            yield kind


def title_of(kind: type[PersistenceError]) -> str:
    """The condition in a few words: the first line of the class's text."""
    return (kind.__doc__ or kind.code).strip().splitlines()[0].rstrip(".")


def summary(problem: PersistenceError) -> Document:
    """A problem that is a part of an answer: of one item of a batch."""
    kind = type(problem)
    document: Document = {
        "type": f"/problems/{kind.code}",
        "title": title_of(kind),
        "status": status_of(kind),
        "detail": problem.detail.encode(errors="replace").decode(),  # a header may hold bytes that are no text
        "code": kind.code,
    }
    if isinstance(problem, errors.InvalidRecords | errors.ValueTaken):
        document["errors"] = problem.errors
    return document


def _as_problem(error: Exception, call: Call) -> PersistenceError:
    request = call.request
    if isinstance(error, PersistenceError):
        return error
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return errors.MethodNotAllowed(f"{request.method[:20]} is not possible here; there are: {allowed}.")
    if isinstance(error, web.HTTPNotFound):
        return errors.RouteNotFound(f"There is nothing at {request.path[:200]!r}.")
    report_failure(error, call)
    return errors.UnexpectedFailure()


def report_failure(error: BaseException, call: Call) -> None:
    """Tell the log, with the traceback that no caller sees."""
    text = "".join(traceback.format_exception(error))
    call.doorway.observer(
        RequestFailed(
            method=call.request.method,
            endpoint=call.endpoint,
            request_id=call.request_id,
            traceback=text,
            trace=call.trace,
        )
    )


def _document(problem: PersistenceError, status: int, call: Call) -> Document:
    document = summary(problem)
    document |= {
        "status": status,
        "cure": type(problem).cure,
        "request_id": call.request_id,
        "trace_id": call.trace.trace_id,
        "instance": _address(problem, call)[:500],
    }
    if isinstance(problem, errors.MissingScope):
        document["scope"] = problem.scope
    if call.accepted is not None:
        document |= {"accepted": call.accepted, "receipt": call.receipt}
    if isinstance(problem, errors.PreconditionFailed) and isinstance(problem.current, Record):
        document["current"] = shown.document(call, problem.current)
    return document


def _address(problem: PersistenceError, call: Call) -> str:
    """What was asked for, unless that is no text to repeat."""
    return call.endpoint if isinstance(problem, errors.CredentialInAddress) else call.request.rel_url.raw_path


def _headers(problem: PersistenceError, call: Call) -> dict[str, str]:
    if isinstance(problem, errors.Unavailable | errors.IdempotencyKeyInProgress):
        return {"Retry-After": str(max(1, math.ceil(problem.retry_after or 1)))}
    if isinstance(problem, errors.ProtocolVersionUnknown):
        return {"Tus-Version": tus.VERSION}
    if isinstance(problem, errors.Unauthenticated):
        return {"WWW-Authenticate": CHALLENGE}
    if isinstance(problem, errors.MissingScope):
        return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{problem.scope}"'}
    if isinstance(problem, errors.RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{problem.size}"}
    if isinstance(problem, errors.UnsupportedMediaType):
        accept = {"Accept-Patch": ACCEPT_PATCH} if call.request.method == "PATCH" else {"Accept-Post": ACCEPT_POST}
        return {**accept, "Accept-Encoding": "gzip"}
    if isinstance(problem, errors.PreconditionFailed) and isinstance(problem.current, Record):
        return {"ETag": quoted(problem.current.tag)}
    return {}
