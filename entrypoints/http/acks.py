"""When a batch is answered, and how."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter
from domain.model.acks import Ack
from domain.model.changes import Acceptance, WriteOutcome
from domain.model.records import Verdict
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.parameters import only, seconds, word
from entrypoints.http.wire import Document, problem_of

STORED_SECONDS = 5.0
MAX_STORED_SECONDS = 60.0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the parameters of a batch say."""

    ack: Ack
    timeout: float  # seconds that ``ack=stored`` waits
    partial: bool  # take the good records and list the others


def terms(request: web.Request) -> Terms:
    """The terms of a request. Raises InvalidParameter."""
    values = only(request, "ack", "on_error", "timeout")
    ack = Ack(word(values, "ack", [*Ack]))
    if "timeout" in values and ack is not Ack.STORED:
        raise InvalidParameter("`timeout` belongs to `ack=stored`; leave it out.")
    return Terms(
        ack=ack,
        timeout=seconds(values, "timeout", STORED_SECONDS, MAX_STORED_SECONDS),
        partial=word(values, "on_error", ("stop", "continue")) == "continue",
    )


async def answer(call: Call, terms: Terms, told: Document, taken: Sequence[Acceptance]) -> web.Response:
    """The answer to a batch that was taken, at the level that it has reached; ``told``: what it says in any case.

    ``taken``: all parts of it, with ``ack=stored``.
    """
    headers = {"Location": f"/api/v1/receipts/{told['receipt']}"}
    if terms.ack is Ack.STORED:
        outcomes = await call.services.intake.outcomes(call.resource.collection, taken, terms.timeout)
        if outcomes is not None:
            results = [_result(index, outcome) for index, outcome in enumerate(outcomes)]
            return json_response({"status": "stored"} | told | {"results": results}, 200, headers)
    reached = Ack.ACCEPTED if terms.ack is Ack.ACCEPTED else Ack.JOURNALED
    return json_response({"status": "accepted"} | told | {"ack": reached}, 202, headers)


def _result(index: int, outcome: WriteOutcome) -> Document:
    item: Document = {
        "index": index,
        "key": outcome.key,
        "verdict": outcome.verdict,
        "revision": str(outcome.revision) if outcome.verdict is Verdict.STORED else None,
    }
    return item | ({"problem": problem_of(outcome.exception)} if outcome.exception else {})
