"""A server in a thread that answers as a test says: a command runs its own event loop."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest


class Script:
    """Answers, or what makes them, by (method, path); else a 404 problem.

    ``asked`` keeps the parameters, ``bodies`` the bodies, ``shown`` the credentials.
    """

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.bodies = []
        self.shown = []
        self.url = ""


@pytest.fixture
def script():
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            parts = urlsplit(self.path)
            script.asked.append((unquote(parts.path), parse_qsl(parts.query)))
            script.shown.append((self.headers.get("X-API-Key"), self.headers.get("Authorization")))
            script.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            missing = (404, {"code": "record_not_found", "detail": "There is none.", "cure": "Check the key."})
            found = script.answers.get((self.command, unquote(parts.path)), missing)
            status, content = found() if callable(found) else found
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        yield script
        server.shutdown()
