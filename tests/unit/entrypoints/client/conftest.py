"""A real HTTP server that answers as a test says."""

import contextlib

import pytest
from aiohttp import web


class Script:
    """Answers requests in turn; the last answer is repeated. A callable answer is given the request."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.keys = []  # the Idempotency-Key of each request
        self.url = ""

    async def handle(self, request):
        body = await request.read()
        self.requests.append((request.method, request.path, dict(request.query), body))
        self.keys.append(request.headers.get("Idempotency-Key"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "reset":
            request.transport.abort()
            return web.Response()
        status, content, *headers = answer(request, body) if callable(answer) else answer
        return web.json_response(content, status=status, headers=headers[0] if headers else None)


@contextlib.asynccontextmanager
async def serving(script, port=0):
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield script
    finally:
        await runner.cleanup()


@pytest.fixture
async def script():
    async with serving(Script()) as script:
        yield script
