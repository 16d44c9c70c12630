"""What answers at an address is not always the service: every command says so in one sentence."""

import contextlib
import json
import socket
import ssl
import threading

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit
from entrypoints.version import VERSION

COMMANDS = [
    ["health"],
    ["stats"],
    ["buffers"],
    ["flush", "--timeout", "0.1"],
    ["query", "tasks"],
    ["get", "tasks", "a"],
    ["receipts", "58.translation_tasks.1.1-2"],
    ["recovery", "list"],
    ["recovery", "restore", "s1"],
    ["recovery", "restore", "s1", "--json"],
    ["export", "tasks", "--patience", "0", "--output", "out.ndjson"],
    ["import", "tasks.ndjson", "--patience", "0"],
]
HANGS_UP = "{url} closes the connection without an answer; its address may be one with https://"
NOT_OURS = "what answers at {url} is not Persistence Service"


def answering(status, body, *headers):
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", body]).encode()


def tls(connection):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with contextlib.suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True)


def says(answer):
    def handle(connection):
        connection.recv(65536)
        connection.sendall(answer)

    return handle


STRANGERS = {
    "garbage": (says(bytes(range(256)) * 20), NOT_OURS),
    "another protocol": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), NOT_OURS),
    "endless headers": (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000), NOT_OURS),
    "a web page": (says(answering(200, "<html>")), NOT_OURS),
    "a web server without the address": (says(answering(404, "<html>")), NOT_OURS),
    "a service without the address": (
        says(answering(404, '{"code": "route_not_found", "detail": "No such address."}')),
        NOT_OURS,
    ),
    "other JSON": (says(answering(200, '{"data": []}')), NOT_OURS),
    "a proxy": (says(answering(502, "<html>")), "{url} answers 502, as a proxy without a service does"),
    "a signpost": (says(answering(301, "", "Location: https://x/")), "{url} sends elsewhere, to 'https://x/'"),
    "half an answer": (says(answering(200, '{"tasks": [' + " " * 100)[:-50]), "the answer of {url} broke off"),
    "one that hangs up": (lambda connection: connection.recv(1), HANGS_UP),
    "TLS": (tls, HANGS_UP),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.ndjson").write_text('{"task_id": "a"}\n')


@pytest.fixture
def stranger():
    """Starts something that handles connections as it likes; gives its address."""
    with contextlib.ExitStack() as stack:

        def start(handle):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection, contextlib.suppress(OSError):
                            handle(connection)

            threading.Thread(target=serve, daemon=True).start()
            stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start


@pytest.mark.parametrize("kind", STRANGERS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_answers_instead(stranger, capsys, tmp_path, command, kind):
    handle, sentence = STRANGERS[kind]
    url = stranger(handle)
    code = run([*command, "--url", url])
    said = capsys.readouterr().err
    assert sentence.format(url=url) in said
    assert "Traceback" not in said
    assert not (tmp_path / "out.ndjson").exists()
    if command[0] == "import":
        assert code == Exit.INCOMPLETE
        assert said.splitlines()[1] == "  tasks.ndjson: line 1"
    else:
        assert code == Exit.UNREACHABLE
        assert said.count("\n") == 1


def test_a_service_of_another_version_is_named(script, capsys):
    script.answers["GET", "/"] = 200, {"service": "persistence", "version": "9.0.0"}
    script.answers["GET", "/api/v1/system/stats"] = 404, {"code": "route_not_found", "detail": "No such address."}
    assert run(["stats", "--url", script.url]) == Exit.UNREACHABLE
    assert f"{script.url} is Persistence Service 9.0.0, and this command line is that of {VERSION}" in (
        capsys.readouterr().err
    )


def test_an_import_names_the_other_version_and_what_to_do(script, capsys):
    script.answers["GET", "/"] = 200, {"service": "persistence", "version": "9.0.0"}
    script.answers["POST", "/api/v1/translation/tasks/batch"] = 202, {"taken": 1}
    assert run(["import", "tasks.ndjson", "--url", script.url]) == Exit.INCOMPLETE
    said = capsys.readouterr().err
    assert f"Not acknowledged ({script.url} is Persistence Service 9.0.0, and this command line is that of" in said
    assert "Send these files again to the service; --url names its address" in said


@pytest.mark.parametrize(
    "content", [b"task_id,status\na,pending\n", b"\x00\xff\n\x01", b'{"task_id": "a", "sta', b"[1]"]
)
def test_a_file_that_holds_no_record_is_told_what_one_is(tmp_path, capsys, content):
    (tmp_path / "other").write_bytes(content)
    assert run(["import", "other", "--url", "http://127.0.0.1:9"]) == Exit.BAD_DATA
    assert "A file has one JSON object a line (NDJSON)" in capsys.readouterr().err


def test_tls_where_none_is_spoken_is_said(stranger, capsys):
    url = stranger(says(answering(400, "<html>"))).replace("http:", "https:")
    assert run(["stats", "--url", url]) == Exit.UNREACHABLE
    assert "no TLS is spoken there (an http:// address?)" in capsys.readouterr().err


def test_a_host_that_is_none_is_said(capsys):
    assert run(["stats", "--url", "http://no.such.host.invalid"]) == Exit.UNREACHABLE
    assert "there is no such host" in capsys.readouterr().err


def test_what_a_stranger_says_cannot_command_the_terminal(script, capsys):
    script.answers["GET", "/api/v1/system/stats"] = 409, {"code": "c", "detail": "\x1b[2J\x9b31mgone\r"}
    assert run(["stats", "--url", script.url]) == Exit.INCOMPLETE
    assert capsys.readouterr().err == "Error:  [2J 31mgone\n"


@pytest.mark.parametrize("body", [json.dumps({"tasks": [{"task_id": "a"}]}), '{"tasks": [1'])
def test_half_a_restored_session_is_not_taken_for_a_whole_one(stranger, capsys, body):
    url = stranger(says(answering(200, body)))
    assert run(["recovery", "restore", "s1", "--url", url]) == Exit.UNREACHABLE
    assert capsys.readouterr().out == ""
