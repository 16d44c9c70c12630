"""Encrypted fields of the real service: no plaintext is kept anywhere, and nothing that is kept gets lost."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.keyring import key_file
from tests.e2e.api import Api, Lost
from tests.e2e.service import Service, ServiceDied, command, environment
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.e2e.stores import on_every_store
from tests.servers import Server

pytestmark = pytest.mark.slow

USERS = "/api/v1/users"
TASKS = "/api/v1/translation/tasks"
LOGS = "/api/v1/logs"
KEYRING = "/api/v1/system/keyring"
CANARY = f"canary{secrets.token_hex(4)}"  # in every value that is encrypted, and nowhere else
CONFIGURATION = """
[keyring]
file = "{keys}"
[collections.users]
encrypted = ["email", "name", "preferences"]
[collections.translation_tasks]
encrypted = ["source_text", "translated_text", "error_message", "metadata"]
[collections.logs]
encrypted = ["message", "context"]
[buffer]
read_deadline_seconds = 120.0  # a loaded machine is no failure
"""


def configure(folder: Path, more: str = "") -> Path:
    """A configuration with a fresh file of keys in the folder that a service runs in; the file of keys."""
    keys = folder / "keys.toml"
    if not keys.exists():
        key_file.create(keys, "k1")
    (folder / "persistence.toml").write_text(CONFIGURATION.format(keys=keys) + more)
    return keys


def user(key: str, **changes: Any) -> dict[str, Any]:
    address = f"{key}.{CANARY}@example.org"
    return {"user_id": key, "email": address, "name": f"{CANARY} é", "preferences": {"a": [CANARY]}} | changes


def task(key: str, **changes: Any) -> dict[str, Any]:
    told = {"source_text": f"{CANARY} \U0001f30d", "error_message": CANARY, "metadata": {"b": CANARY}}
    return (
        {"task_id": key, "session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
        | told
        | changes
    )


async def through_every_door(api: Api) -> None:
    """Write canaries in every way there is, in vain too."""
    key = {"Idempotency-Key": "once"}
    assert (await api.send("POST", USERS, body=user("u1"), headers=key)).status == 201
    assert (await api.send("POST", USERS, body=user("u1"), headers=key)).status == 201
    assert (await api.send("POST", USERS, body=user("u2", email=f"U1.{CANARY}@example.org"))).status == 409
    assert (await api.send("POST", USERS, body=user("u3", email=f"{CANARY}@"))).status == 422
    assert (await api.send("POST", USERS, body=user("u4"))).status == 201
    assert (await api.send("PATCH", f"{USERS}/u4", body={"preferences": {"c": CANARY}})).status == 200
    late = {"If-Match": '"older"'}
    refused = await api.send("PATCH", f"{USERS}/u4", body={"name": CANARY}, headers=late)
    assert (refused.status, CANARY in str(refused.body["current"])) == (412, True)
    assert (await api.send("POST", f"{USERS}/batch", body={"users": [user("u5"), user("u6")]})).status == 200
    assert (await api.send("DELETE", f"{USERS}/u6")).status == 204
    batch = [task(f"t{n}") for n in range(50)]
    assert (await api.post_batch("tasks", batch)).status == 202
    reply = await api.send("POST", f"{TASKS}/batch", body={"tasks": batch}, params={"ack": "stored"}, headers=key)
    assert reply.status in (200, 202)
    assert (await api.send("PATCH", f"{TASKS}/t1", body={"metadata": {"d": CANARY}})).status == 200
    log = {"level": "info", "message": CANARY, "context": {"e": CANARY}}
    assert (await api.send("POST", f"{LOGS}/batch", body={"logs": [log]})).status == 202
    for params in ({"email": f"u1.{CANARY}@example.org"}, {"email__prefix": CANARY}, {"sort_by": "email"}):
        await api.send("GET", USERS, params=params)


async def shown(api: Api) -> None:
    """Clients see what they have sent."""
    found = (await api.send("GET", f"{USERS}/u1")).body
    assert {name: found[name] for name in user("u1")} == user("u1")
    assert found["email_normalized"] == f"u1.{CANARY}@example.org"
    assert (await api.send("GET", f"{USERS}/u4")).body["preferences"] == {"a": [CANARY], "c": CANARY}
    found = (await api.send("GET", f"{TASKS}/t1")).body
    assert {name: found[name] for name in task("t1")} == task("t1", metadata={"b": CANARY, "d": CANARY})
    page = await api.send("GET", USERS, params={"email": f"U1.{CANARY}@EXAMPLE.org", "fields": "user_id,email"})
    assert page.body["items"] == [{"user_id": "u1", "email": f"u1.{CANARY}@example.org"}]
    page = await api.send("GET", USERS, params={"email_normalized__in": f"u5.{CANARY}@example.org,x@y.z"})
    assert [item["user_id"] for item in page.body["items"]] == ["u5"]
    refused = await api.send("GET", USERS, params={"email__prefix": "u"})
    assert (refused.status, refused.code, "`email` is encrypted" in refused.body["detail"]) == (
        400,
        "invalid_parameter",
        True,
    )
    lines = (await api.page(f"{LOGS}/export?format=ndjson")).splitlines()
    assert len(lines) == 1
    assert CANARY in lines[0]


def found_in(*texts: bytes) -> list[bytes]:
    """Every place with a canary, in plain or in base64, which would be no encryption."""
    forms = [
        CANARY.encode(),
        CANARY.upper().encode(),
        *(base64.b64encode(b"x" * n + CANARY.encode())[3:-4] for n in range(3)),
    ]
    return [
        text[max(0, place - 60) : place + 60] for text in texts for form in forms if (place := text.find(form)) >= 0
    ]


def files_below(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if stat.S_ISREG(path.stat().st_mode)]


def found_in_server(server: Server, text: str) -> list[str]:
    """The files of a server with a text, its logs of transactions among them."""
    search = f"grep -rlaF {text} {server.data_inside} 2>/dev/null; true"
    return server.run("sh", "-c", search).split()


@on_every_store
async def test_no_plaintext_is_kept_anywhere(service, api, tmp_path, store, request) -> None:
    configure(tmp_path)
    async with service:
        await through_every_door(api)
        await shown(api)
        assert (await api.send("POST", "/api/v1/system/buffers/translation_tasks/hold")).status == 200
        assert (await api.post_batch("tasks", [task("h1")])).status == 202
        assert (await api.send("GET", f"{TASKS}/h1")).body["source_text"] == task("h1")["source_text"]
        assert found_in(*files_below(tmp_path)) == []
        service.kill()
        assert found_in(*files_below(tmp_path)) == []
        await service.start()
        await shown(api)
        assert (await api.send("GET", f"{TASKS}/h1")).body["source_text"] == task("h1")["source_text"]
        await api.flush()
        assert await service.stop() == 0
    assert found_in(*files_below(tmp_path)) == []
    kind = request.node.callspec.params["store"]
    if kind == "sqlite":
        assert b"enc1." in b"".join(files_below(tmp_path / "data"))
    else:
        server = request.getfixturevalue(kind)
        assert found_in_server(server, CANARY) == []
        assert found_in_server(server, "enc1.")


async def test_neither_the_buffer_that_instances_share_nor_its_worker_sees_a_plaintext(
    tmp_path, databases, redis, mariadb
) -> None:
    configure(tmp_path)
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    await asyncio.to_thread(migrate, settings, tmp_path)
    worker, service = WorkerProcess(tmp_path, settings, 0), Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        assert (await api.post_batch("tasks", [task("t1")])).status == 202
        assert found_in_server(redis, "enc1.")
        (tmp_path / "keys.toml").unlink()
        await asyncio.to_thread(worker.spawn, "--burst")
        assert await asyncio.to_thread(worker.wait) == 0, worker.log.read_text()
        found = (await api.send("GET", f"{TASKS}/t1")).body
        assert {name: found[name] for name in task("t1")} == task("t1")
    worker.end(signal.SIGKILL)
    assert [found_in_server(server, CANARY) for server in (redis, mariadb)] == [[], []]
    assert found_in(*files_below(tmp_path)) == []


async def test_an_index_of_words_holds_no_plaintext_of_other_fields(tmp_path) -> None:
    keys = tmp_path / "keys.toml"
    key_file.create(keys, "k1")
    (tmp_path / "persistence.toml").write_text(
        f'[search]\ntype = "sqlite"\n[keyring]\nfile = "{keys}"\n[collections.translation_tasks]\n'
        'encrypted = ["metadata"]\n'
    )
    service = Service(tmp_path)
    async with service, Api(service.url) as api:
        sent = task("t1", source_text="lighthouse keeper", error_message=None)
        assert (await api.post_batch("tasks", [sent])).status == 202
        asked = {"q": "lighthouse", "collection": "translation_tasks", "consistency": "strong"}
        found = (await api.send("GET", "/api/v1/search", params=asked)).body
        assert [hit["record"]["metadata"] for hit in found["items"]] == [sent["metadata"]]
        refused = await api.send("GET", "/api/v1/search", params=asked | {"metadata": "{}"})
        assert (refused.status, "`metadata` is encrypted" in refused.body["detail"]) == (400, True)
    assert found_in(*files_below(tmp_path)) == []


async def test_a_wrong_key_shows_nothing_and_the_right_one_everything(service, api, tmp_path) -> None:
    keys = configure(tmp_path)
    async with service:
        await through_every_door(api)
        await api.flush()
        assert await service.stop() == 0
        right = keys.read_text()
        keys.unlink()
        with pytest.raises(ServiceDied, match=r"exit 78:[^$]*keys\.toml cannot be read: No such file"):
            await service.start()

        key_file.create(keys, "k1")
        await service.start()
        reply = await api.send("GET", f"{USERS}/u1")
        assert (reply.status, reply.code) == (500, "decryption_failed")
        assert CANARY not in str(reply.body)
        assert 'persistence_decryption_failures_total{type="user"} 1.0' in await api.page("/metrics")
        assert "decryption_refused" in service.log_end()
        assert await service.stop() == 0

        keys.write_text(right)
        await service.start()
        await shown(api)


def verdict(looked) -> dict:
    """What `persistence check` says of the keyring."""
    return next(each for each in json.loads(looked.stdout) if each["what"] == "keyring")


async def test_with_another_index_key_there_is_no_start(service, api, tmp_path) -> None:
    keys = configure(tmp_path)
    async with service:
        assert (await api.send("POST", USERS, body=user("u1"), headers={"Idempotency-Key": "once"})).status == 201
        assert await service.stop() == 0
        right = keys.read_text()
        other = base64.b64encode(os.urandom(32)).decode()
        keys.write_text(
            "".join(f'index_key = "{other}"\n' if "index" in line else line for line in right.splitlines(True))
        )
        with pytest.raises(
            ServiceDied, match=r"exit 78:[^$]*keyring\.index_key: users were encrypted with another one"
        ):
            await service.start()
        looked = await asyncio.to_thread(run, tmp_path, "check", "--json")
        assert (looked.returncode, verdict(looked)["verdict"]) == (78, "failure")
        assert "users were encrypted with another one" in verdict(looked)["detail"]

        keys.write_text(right.replace("k1", "k2"))
        looked = await asyncio.to_thread(run, tmp_path, "check", "--json")
        assert (looked.returncode, verdict(looked)["verdict"]) == (0, "warning")
        assert "under the key 'k1', which the keyring lacks" in verdict(looked)["detail"]

        keys.write_text(right)
        looked = await asyncio.to_thread(run, tmp_path, "check", "--json")
        assert "users.email, users.name, users.preferences" in verdict(looked)["detail"]
        assert verdict(looked)["verdict"] == "ok"
        await service.start()
        again = await api.send("POST", USERS, body=user("u1"), headers={"Idempotency-Key": "once"})
        assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
        other_body = await api.send("POST", USERS, body=user("u1", name="x"), headers={"Idempotency-Key": "once"})
        assert (other_body.status, other_body.code) == (422, "idempotency_key_reused")


async def test_what_was_written_before_is_read_and_is_encrypted_when_it_is_written_again(
    service, api, tmp_path
) -> None:
    async with service:
        await through_every_door(api)
        await api.flush()
        assert found_in(*files_below(tmp_path / "data"))
        assert await service.stop() == 0
        configure(tmp_path)
        await service.start()
        await shown(api)
        assert (await api.send("POST", USERS, body=user("u9", email=f"U1.{CANARY}@example.org"))).status == 409


@on_every_store
async def test_what_was_written_before_and_under_other_keys_is_encrypted_anew_while_clients_write(
    service, api, tmp_path, store
) -> None:
    async with service:
        await through_every_door(api)
        await api.flush()
        before = (await api.send("GET", f"{USERS}/u5")).headers["Etag"]
        assert await service.stop() == 0
        keys = configure(tmp_path)
        await service.start()
        assert set(await rewrapped(api)) == {"k1"}
        assert b"persistence_records_rewrapped_total" in (await api.page("/metrics")).encode()
        await shown(api)

        writer = asyncio.create_task(writing(api))
        await asyncio.to_thread(key_file.add, keys, "k2", active=True)
        assert (await api.send("POST", "/api/v1/system/reload")).status == 200
        service.kill()
        await service.start()
        written = await writer
        used = await rewrapped(api)
        assert (used["k1"], used["k2"]["values"] > 100) == ({"values": 0, "dead_letters": 0}, True)
        await shown(api)
        assert (await api.send("GET", f"{USERS}/u5")).headers["Etag"] == before
        await asyncio.to_thread(key_file.remove, keys, "k1")
        assert (await api.send("POST", "/api/v1/system/reload")).status == 200
        assert (await api.send("GET", f"{USERS}/u1", headers={"Cache-Control": "no-cache"})).status == 200
        assert await service.stop() == 0
        await service.start()
        await shown(api)
        for key, text in written.items():
            assert (await api.get("tasks", key))["error_message"] == text


async def test_keys_are_made_exchanged_and_retired_by_the_command_line(tmp_path) -> None:
    made = await asyncio.to_thread(run, tmp_path, "keyring", "create", "keys.toml", "--id", "k1")
    assert made.returncode == 0, made.stderr
    keys = configure(tmp_path)
    service = Service(tmp_path)

    async def persistence(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run, tmp_path, "keyring", *arguments, "--url", service.url)

    async with service, Api(service.url) as api:
        await through_every_door(api)
        rotated = await persistence("rotate", "--id", "k2")
        assert rotated.returncode == 0, rotated.stderr
        retired = await persistence("retire", "k1")
        assert retired.returncode == 0, retired.stderr
        assert json.loads(retired.stderr)["meta"]["action"] == "keyring.retire"
        assert list(key_file.read_keys(keys).keys) == ["k2"]
        listed = await persistence("list")
        assert [line.split()[:2] for line in listed.stdout.splitlines()[1:2]] == [["k2", "yes"]]
        await shown(api)
        assert await service.stop() == 0
        await service.start()
        await shown(api)

        right = keys.read_text()
        key_file.add(keys, "k3", active=True)
        key_file.remove(keys, "k2")
        refused = await api.send("POST", "/api/v1/system/reload")
        assert (refused.status, "the key 'k2' is gone" in refused.body["detail"]) == (422, True)
        keys.write_text(right)
        await shown(api)


async def writing(api: Api) -> dict[str, str]:
    """Changes of tasks by a client that tries again, and what it was told that they are."""
    written = {}
    for number in range(100):
        key, text = f"t{number % 10 + 10}", f"{CANARY} {number}"
        with suppress(*Lost):
            if (await api.send("PATCH", f"{TASKS}/{key}", body={"error_message": text})).status == 200:
                written[key] = text
        await asyncio.sleep(0.02)
    return written


async def rewrapped(api: Api) -> dict[str, Any]:
    """Wait until nothing is left to encrypt anew; the keys and what is under them."""
    async with asyncio.timeout(120):
        while not (state := (await api.send("GET", KEYRING)).body)["clean"]:
            assert (await api.send("POST", f"{KEYRING}/rewrap")).status == 202
            await asyncio.sleep(2)
        return state["keys"]


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(variables), capture_output=True, text=True, check=False
    )


async def test_keys_come_from_the_environment_too(tmp_path) -> None:
    (tmp_path / "persistence.toml").write_text('[collections.users]\nencrypted = ["email"]\n')
    fresh = {name: base64.b64encode(os.urandom(32)).decode() for name in ("INDEX_KEY", "KEYS__K1")}
    variables = {f"PERSISTENCE__KEYRING__{name}": text for name, text in fresh.items()}
    service = Service(tmp_path, settings=variables | {"PERSISTENCE__KEYRING__ACTIVE": "k1"})
    async with service, Api(service.url) as api:
        assert (await api.send("POST", USERS, body=user("u1"))).status == 201
        assert (await api.send("GET", f"{USERS}/u1")).body["email"] == user("u1")["email"]
        told = await asyncio.to_thread(run, tmp_path, "config", "show", **variables)
        assert not any(text in told.stdout + told.stderr for text in fresh.values())
        assert not any(text in each for text in fresh.values() for each in environments_of(service))


def environments_of(service: Service) -> list[str]:
    """Of the processes that it has started."""
    return [Path(f"/proc/{child}/environ").read_text() for child in service.children()]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('encrypted = ["user_id"]', "`user_id` is the key"),
        ('encrypted = ["email_normalized"]', "`email_normalized` is derived from `email`"),
        ('encrypted = ["created_at"]', "`created_at` is neither a text nor an object"),
        (
            'encrypted = ["phone"]',
            "`phone` is no field of users; these can be encrypted: email, name, preferences, metadata",
        ),
        (
            'encrypted = ["email"]',
            "there is no key to encrypt by; make a file of keys with `persistence keyring create FILE`",
        ),
    ],
)
def test_what_cannot_be_encrypted_ends_the_start(tmp_path, text, sentence) -> None:
    (tmp_path / "persistence.toml").write_text(f"[collections.users]\n{text}\n")
    ended = run(tmp_path, "serve", "--port", "0")
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 1)
    assert f"collections.users.encrypted: {sentence}" in ended.stderr


def test_keys_that_others_can_read_end_the_start(tmp_path) -> None:
    configure(tmp_path).chmod(0o644)
    ended = run(tmp_path, "serve", "--port", "0")
    assert ended.returncode == 78
    assert "is open to others than its owner (mode 644); `chmod 600 " in ended.stderr
    assert not (tmp_path / "data").exists()
