"""One request on its way: who asks, in which trace, and what it has taken so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiohttp import web

from domain.model.access import NOBODY, Principal
from domain.model.origin import Origin
from domain.model.tracing import CURRENT, Trace
from domain.services.caching import Lookup
from entrypoints.http.deprecations import Deprecation
from entrypoints.http.resource import Resource
from entrypoints.http.services import Doorway, Services
from ports.ambient import Ids

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}", re.ASCII)
_TRACESTATE = re.compile(  # of at most 32 members (https://www.w3.org/TR/trace-context/#tracestate-header)
    # ``+`` behind a quantifier: what is taken is not given back, or blanks and commas had each text tried 2^32 times
    r"(?:[ \t]*+(?:[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}+)?+[ \t]*+(?:,|$)){1,32}+"
)
_TRACESTATE_CHARACTERS = 512  # what every system passes on at least
_FRESH = frozenset({"no-cache", "no-store", "max-age=0"})
UNMATCHED = "unmatched"


class Call:
    """The request beside everything that its handler needs."""

    __slots__ = (
        "_is_sampled",
        "accepted",
        "address",
        "deprecated",
        "doorway",
        "endpoint",
        "error",
        "headers",
        "held",
        "lookup",
        "principal",
        "receipt",
        "request",
        "request_id",
        "resource",
        "resources",
        "services",
        "stream",
        "subject",
        "trace",
    )

    services: Services  # of the API's routes
    resources: Mapping[str, Resource]  # by collection name
    resource: Resource  # of the route's collection; system routes have none

    def __init__(self, request: web.Request, doorway: Doorway) -> None:
        headers = request.headers
        self.request = request
        self.doorway = doorway
        self.endpoint = UNMATCHED  # route template
        self.request_id = request_id_of(headers.get("X-Request-Id"), doorway.ids)
        begun = trace_of(headers.get("traceparent"), headers.getall("tracestate", ()), doorway.ids)
        self._is_sampled = begun.sampled
        self._belongs_to(_sampled(begun, wanted=False))  # who is not let in fills no store of traces
        self.address = doorway.limiting.proxies.client_of(request)
        self.principal: Principal = NOBODY  # until the door has let them in
        self.deprecated: list[Deprecation] = []  # that the request uses
        self.held = 0  # body bytes in memory that count against the door's bound
        self.accepted: int | None = None  # records of a stream that stay whatever follows
        self.receipt: str | None = None  # of the last of them
        self.lookup = Lookup(fresh=wants_fresh(headers.getall("Cache-Control", ())))
        self.error: str | None = None  # code of the problem that was answered
        self.stream: web.StreamResponse | None = None  # an answer that has begun
        self.subject: str | None = None  # what an administrator's request was about, where its address does not tell
        self.headers: dict[str, str] = {}  # of the answer, whatever it will be

    def let_in(self, principal: Principal) -> None:
        """The door knows who asks: from here on their request may be traced."""
        self.principal = principal
        self._belongs_to(_sampled(self.trace, wanted=self._is_sampled))

    @property
    def sender(self) -> str:
        """Who counts as one client; empty where nobody has to say who they are."""
        return self.principal.name or ""

    @property
    def is_admitted(self) -> bool:
        """Whether the door knows who asks; the words of a stranger are not written down."""
        return self.principal is not NOBODY

    @property
    def actor(self) -> str:
        """Who asks, for people: the principal, else the network address."""
        return self.principal.name or self.address or "unknown"

    @property
    def origin(self) -> Origin:
        """The request as far as the services care."""
        return Origin(principal=self.principal.name, peer=self.address, trace=self.trace)

    def _belongs_to(self, trace: Trace) -> None:
        self.trace = trace
        CURRENT.set(trace)


def _sampled(trace: Trace, *, wanted: bool) -> Trace:
    return trace if trace.sampled is wanted else msgspec.structs.replace(trace, sampled=wanted)


def wants_fresh(controls: Iterable[str]) -> bool:
    """Whether a caller wants no answer from a cache (RFC 9111)."""
    directives = {directive.strip().lower() for control in controls for directive in control.split(",")}
    return not directives.isdisjoint(_FRESH)


def request_id_of(sent: str | None, ids: Ids) -> str:
    """The caller's own id where it is harmless, else a fresh one."""
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent
    return ids.request_id()


def trace_of(sent: str | None, states: Sequence[str], ids: Ids) -> Trace:
    """A span of ours in the caller's trace, or in a new one."""
    caller = Trace.parsed(sent)
    own = ids.trace()
    if caller is None:
        return own
    state = ",".join(states)
    if len(state) > _TRACESTATE_CHARACTERS or not _TRACESTATE.fullmatch(state):
        state = ""
    return Trace(caller.trace_id, own.span_id, caller.sampled, parent_id=caller.span_id, state=state)
