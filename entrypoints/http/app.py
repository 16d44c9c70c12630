"""The application: the route table bound to the services, and one function around every request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from aiohttp import web

from domain.errors import AuditFailed, Unauthenticated
from domain.model.observations import AdministratorActed, RequestServed
from entrypoints.http import expectation
from entrypoints.http.answers import CACHED, common_headers
from entrypoints.http.call import Call
from entrypoints.http.deprecations import FORMER_FIELDS, Deprecation, tell
from entrypoints.http.door import admit
from entrypoints.http.errors import problem_response, report_failure
from entrypoints.http.handlers.documents import DESCRIPTION
from entrypoints.http.openapi.document import document
from entrypoints.http.parameters import check_path
from entrypoints.http.resource import Resource
from entrypoints.http.route import ELSEWHERE, Route
from entrypoints.http.routes import ROUTES
from entrypoints.http.services import Doorway, Services
from entrypoints.http.wire import body_of

DOORWAY = web.AppKey("doorway", Doorway)
CALL = web.RequestKey("call", Call)
Bound = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROWS = web.AppKey("rows", dict[Bound, Route])  # by what the router calls


def create_app(
    services: Services, *, is_public: bool = False, former: Mapping[str, Mapping[str, Deprecation]] = FORMER_FIELDS
) -> web.Application:
    """Bind every route to the services; ``is_public``: but those for operators, who have a listener of their own.

    ``former``: names that fields had, by collection.

    Raises UnknownCollection where a route's collection is not declared.
    """
    resources = {
        collection.name: Resource(collection, former.get(collection.name, {}))
        for collection in services.registry.collections
    }
    shown = [route for route in ROUTES if not (is_public and route.is_for_operators)]
    for route in shown:
        if route.collection is not None:
            services.registry.collection(route.collection)
    app = guarded_app(services, shown, partial(_equip, services, resources))
    app[DESCRIPTION] = body_of(document(services.about.version))
    return app


def guarded_app(
    doorway: Doorway, routes: Iterable[Route], equip: Callable[[Route, Call], None] = lambda *_: None
) -> web.Application:
    """An application whose every request comes by the door, that to an unknown address like any other.

    ``equip``: gives a call what the handler of its route takes from it.
    """
    app = web.Application(middlewares=[serve])
    app[DOORWAY] = doorway
    app[ROWS] = {}
    for route in routes:
        _bind(app, route, equip)
    app.router.add_route("*", f"{ELSEWHERE[:-1]}:.*}}", _elsewhere, expect_handler=expectation.hold)  # after all others
    return app


def _bind(app: web.Application, route: Route, equip: Callable[[Route, Call], None]) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        check_path(request)
        equip(route, request[CALL])
        return await route.handler(request[CALL])

    app[ROWS][handle] = route
    if route.method == "GET":
        app.router.add_get(route.pattern, handle, expect_handler=expectation.hold)  # HEAD too
    else:
        app.router.add_route(route.method, route.pattern, handle, expect_handler=expectation.hold)


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    """What no route answers: the router's own refusals would have the library tell a stranger to send the body.

    Raises HTTPNotFound, HTTPMethodNotAllowed.
    """
    methods = set[str]()
    for resource in request.app.router.resources():
        if resource.canonical != ELSEWHERE:
            methods |= (await resource.resolve(request))[1]
    if methods:
        raise web.HTTPMethodNotAllowed(request.method, methods)
    raise web.HTTPNotFound


@web.middleware
async def serve(request: web.Request, handler: Bound) -> web.StreamResponse:
    """Everything that all requests share: an id, a trace, the door, errors as problem documents, one observation."""
    doorway, route = request.app[DOORWAY], request.app[ROWS].get(request.match_info.handler)
    call = request[CALL] = Call(request, doorway)
    begun = doorway.clock.monotonic()
    try:
        if route is not None:
            call.endpoint = route.template
        await admit(call, route)
        expectation.check(request)
        _check_audit(call, route)
        response = await handler(request)
    except Exception as error:  # the outermost net: whatever it is becomes an answer or ends the connection
        response = problem_response(error, call) if call.stream is None else _cut(call, call.stream, error)
    finally:
        doorway.bodies.release(call)
    if route is not None and route.is_audited and call.is_admitted:
        response = _audited(call, route, response)
    if call.stream is None:
        for name, value in common_headers(call).items():
            response.headers.setdefault(name, value)
        tell(response, call.deprecated)
    if call.lookup.outcome is not None:
        response.headers[CACHED] = call.lookup.outcome
    if not request.content.is_eof():  # an answer before the body was read: what follows is no request
        response.force_close()
    _observe(call, response, doorway.clock.monotonic() - begun)
    return response


def _equip(services: Services, resources: Mapping[str, Resource], route: Route, call: Call) -> None:
    call.services, call.resources = services, resources
    if route.collection is not None:
        call.resource = resources[route.collection]


def _cut(call: Call, response: web.StreamResponse, error: Exception) -> web.StreamResponse:
    """End a connection in the middle of an answer, so that nobody takes the half for the whole."""
    if not isinstance(error, ConnectionError | asyncio.TimeoutError | Unauthenticated):  # the reader's part of it
        report_failure(error, call)
    call.error = "answer_cut"
    if call.request.transport is not None:
        call.request.transport.abort()
    return response


def _observe(call: Call, response: web.StreamResponse, seconds: float) -> None:
    request = call.request
    told = request.query if request.query_string and call.is_admitted else {}  # filters say whose records are shown
    call.doorway.observer(
        RequestServed(
            method=request.method,
            endpoint=call.endpoint,
            status=response.status,
            seconds=seconds,
            request_id=call.request_id,
            user_id=told.get("user_id"),
            principal=call.principal.name,
            session_id=(request.match_info.get("session_id") if call.is_admitted else None) or told.get("session_id"),
            error=call.error,
            trace=call.trace,
        )
    )


def _check_audit(call: Call, route: Route | None) -> None:
    if route is not None and route.is_audited and not call.doorway.audit.is_kept:
        raise AuditFailed("The log, which keeps what administrators do, could not be written: nothing was done.")


def _audited(call: Call, route: Route, response: web.StreamResponse) -> web.StreamResponse:
    """The answer, once it is written who did what, or was kept from it; a problem where that cannot be written.

    Parameters that are refused may be anything, secrets too.
    """
    address = call.request.rel_url
    acted = AdministratorActed(
        action=f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}",
        subject=(call.subject or (address.raw_path if response.status == 400 else address.raw_path_qs))[:500],
        actor=call.actor,
        status=response.status,
        error=call.error,
        request_id=call.request_id,
        trace=call.trace,
    )
    try:
        call.doorway.audit(acted)
    except Exception:  # whatever it is, the line is not there
        if response.status < 400 and call.stream is None:
            failed = AuditFailed("It was done, and the log, which keeps what administrators do, could not be written.")
            return problem_response(failed, call)
    return response
