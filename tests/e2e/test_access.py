"""Who is let in: to every operation, by several instances, while the keys are away; and no secret stands anywhere."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from domain.model.access import Right, scope_of
from domain.model.built_in import BUILT_IN
from tests.e2e.api import ROOT, Api, Reply
from tests.e2e.keys import ASKING, id_of, made, persistence
from tests.e2e.service import PATIENT, Service, free_port
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.e2e.stores import on_every_store

NAMES = [collection.name for collection in BUILT_IN]
NARROW = [scope_of(right, name) for right, name in product(Right, NAMES)]
REFUSED_IN_SECONDS = 5.0  # as the README promises
TASK = {"task_id": "t1", "session_id": "s1", "status": "pending", "source_text": "One."}
TASK |= {"source_lang": "en", "target_lang": "de"}
QUICK = {"system_hold": {"seconds": "0.1"}, "system_prepare": {"seconds": "0.1", "towards": "main"}}
QUICK |= {"system_flush": {"timeout": "0.1"}}
WORDS = {"collection": "translation_tasks", "receipt": "1.translation_tasks.1.1-1", "code": "not_found"}


class Operation(NamedTuple):
    """One of the description's, as a request."""

    name: str
    method: str
    path: str
    scopes: tuple[str, ...] | None  # None: nobody is asked for a key

    async def sent(self, api: Api, key: str | None) -> Reply:
        headers = {"X-API-Key": key} if key else {}
        return await api.send(self.method, self.path, params=QUICK.get(self.name), headers=headers)


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All that the description has."""
    for template, methods in document["paths"].items():
        path = re.sub(r"\{(\w+)\}", lambda word: WORDS.get(word[1], "some"), template)
        for method, described in methods.items():
            security = described["security"]
            scopes = tuple(security[0]["key"]) if security else None
            assert ("401" in described["responses"]) is (scopes is not None)
            assert ("403" in described["responses"]) is (scopes is not None)  # for pages of others, where for no scope
            yield Operation(described["operationId"], method.upper(), path, scopes)


def without(scope: str) -> list[str]:
    """Every scope but those that give what this one gives."""
    right, _, name = scope.partition(":")
    narrow = [each for each in NARROW if each != scope and (name or not each.startswith(f"{right}:"))]
    return [*(each for each in Right if each != right), *narrow]


class Keys:
    """Keys of a running service, made by its API once for each set of scopes."""

    def __init__(self, api: Api, admin: str) -> None:
        self._api = api
        self._admin = {"X-API-Key": admin}
        self._made: dict[tuple[str, ...], str] = {}

    async def of(self, *scopes: str) -> str:
        if scopes not in self._made:
            body = {"name": "a test", "scopes": scopes}
            reply = await self._api.send("POST", "/api/v1/system/keys", body=body, headers=self._admin)
            assert reply.status == 201, reply
            self._made[scopes] = reply.body["key"]
        return self._made[scopes]


async def test_every_operation_is_refused_without_a_key_and_by_another_scope_and_let_in_by_its_own(tmp_path: Path):
    boss = made(tmp_path, ASKING, "admin")
    async with Service(tmp_path, settings=ASKING) as service, Api(service.url) as api:
        keys = Keys(api, boss)
        described = (await api.send("GET", "/openapi.json", headers={"X-API-Key": boss})).body
        asked = list(operations(described))
        assert [each.name for each in asked if each.scopes is None] == ["probes_live", "probes_ready"]
        for operation in asked:
            reply = await operation.sent(api, None)
            assert (reply.status == 401) is (operation.scopes is not None), operation
            if operation.scopes is None:
                continue
            assert reply.headers["Connection"] == "close"
            for scope in operation.scopes:
                reply = await operation.sent(api, await keys.of(*without(scope)))
                assert (reply.status, reply.code) == (403, "missing_scope"), operation
                assert reply.body["scope"].partition(":")[0] == scope.partition(":")[0]
            reply = await operation.sent(api, await keys.of(*operation.scopes))
            assert reply.status not in (401, 403), operation
        assert (await api.send("HEAD", f"{ROOT}/tasks")).status == 401
        assert await service.stop() == 0
    assert "Traceback" not in service.log.read_text()


@pytest.mark.slow
@on_every_store
async def test_keys_are_kept_on_every_store_and_ended_while_a_service_runs(store, tmp_path: Path):
    settings = ASKING | dict(store)
    place = settings | {"PERSISTENCE__DATA_DIR": str(tmp_path / "data")}
    boss, key = made(tmp_path, place, "admin"), made(tmp_path, place, "read")
    async with Service(tmp_path, settings=settings) as service, Api(service.url) as api:
        path = f"/api/v1/system/keys/{id_of(key)}/rotate"
        rotated = (await api.send("POST", path, headers={"X-API-Key": boss})).body["key"]
        asked = [
            (await api.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": each})).status for each in (key, rotated)
        ]
        assert asked == [401, 200]
        assert persistence(tmp_path, place, "keys", "revoke", id_of(key)).returncode == 0
        await asyncio.sleep(REFUSED_IN_SECONDS)
        assert (await api.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": rotated})).status == 401
        listed = (await api.send("GET", "/api/v1/system/keys", headers={"X-API-Key": boss})).body["items"]
        assert sorted((each["state"], each["scopes"]) for each in listed) == [
            ("active", ["admin"]),
            ("revoked", ["read"]),
        ]


@pytest.fixture
def shared(databases, tmp_path: Path) -> dict[str, str]:
    """Settings of instances over one database."""
    database = databases("mariadb")
    main = "PERSISTENCE__BACKENDS__MAIN__"
    settings = ASKING | PATIENT | {f"{main}TYPE": "mariadb", f"{main}DSN": database.dsn}
    assert persistence(tmp_path, settings, "migrate").returncode == 0
    return settings


@pytest.mark.slow
async def test_a_key_that_one_instance_revokes_is_refused_by_the_other(shared, tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    first, second = (Service(folder, settings=shared) for folder in folders)
    boss, key = made(tmp_path, shared, "admin"), made(tmp_path, shared, "read")
    async with first, second, Api(first.url) as one, Api(second.url) as other:
        for api in (one, other):
            assert (await api.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": key})).status == 200
        path = f"/api/v1/system/keys/{id_of(key)}"
        assert (await one.send("DELETE", path, headers={"X-API-Key": boss})).status == 204
        assert (await one.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": key})).status == 401
        await asyncio.sleep(REFUSED_IN_SECONDS)
        assert (await other.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": key})).status == 401
        late = made(tmp_path, shared, "read")
        assert persistence(tmp_path, shared, "keys", "revoke", id_of(late)).returncode == 0
        assert (await other.send("GET", f"{ROOT}/tasks", headers={"X-API-Key": late})).status == 401


@pytest.mark.slow
async def test_intake_goes_on_for_known_keys_while_their_database_is_away(shared, tmp_path: Path, mariadb):
    key, unseen = made(tmp_path, shared, "write"), made(tmp_path, shared, "write")

    async def sent(api: Api, shown: str) -> Reply:
        path = f"{ROOT}/tasks/batch"
        return await api.send("POST", path, body={"tasks": [TASK]}, headers={"X-API-Key": shown})

    async with Service(tmp_path, settings=shared) as service, Api(service.url) as api:
        assert (await sent(api, key)).status == 202
        mariadb.kill()
        try:
            await asyncio.sleep(REFUSED_IN_SECONDS)  # what is in memory is no longer fresh
            assert [(await sent(api, key)).status for _ in range(20)] == [202] * 20
            reply = await sent(api, unseen)
            assert (reply.status, reply.code) == (503, "keys_unreachable")
            assert int(reply.headers["Retry-After"]) >= 1
            assert (await sent(api, f"{key[:-1]}{'A' if key[-1] != 'A' else 'B'}")).status == 401
        finally:
            mariadb.start()
        async with asyncio.timeout(60):
            while (await sent(api, unseen)).status != 202:  # noqa: ASYNC110  # nothing tells when it answers
                await asyncio.sleep(0.2)
        log = service.log.read_text()
    assert log.count('"key_store_lost"') >= 1
    assert log.count('"key_store_regained"') >= 1


async def test_commands_that_work_on_a_running_service_show_the_key_of_their_caller(tmp_path: Path):
    backends = "".join(
        f'[backends.{name}]\ntype = "sqlite"\npath = "{tmp_path}/{name}.db"\n' for name in ("main", "new")
    )
    (tmp_path / "persistence.toml").write_text(backends + "[collections.translation_tasks]\nbackend = 'main'\n")
    boss, writer = (made(tmp_path, ASKING, *scopes) for scopes in (["admin", "read"], ["write"]))
    (tmp_path / "tasks.ndjson").write_text(f"{json.dumps(TASK)}\n")
    async with Service(tmp_path, settings=ASKING) as service:
        for key, arguments in (
            (writer, ["import", "tasks.ndjson"]),
            (boss, ["copy", "--from", "main", "--to", "new", "--collection", "translation_tasks", "--switch"]),
            (boss, ["get", "tasks", "t1"]),
            (boss, ["flush"]),
        ):
            own = ASKING | {"PERSISTENCE_API_KEY": key, "PERSISTENCE__DATA_DIR": str(service.data_dir)}
            ended = await asyncio.to_thread(persistence, tmp_path, own, *arguments, "--url", service.url)
            assert ended.returncode == 0, ended.stderr
        async with Api(service.url) as api:
            kept = (await api.send("GET", "/api/v1/system/routes", headers={"X-API-Key": boss})).body["routes"]
        assert kept["translation_tasks"]["backend"] == "new"


@pytest.mark.slow
async def test_instances_over_one_buffer_ask_for_keys_and_so_do_their_workers(databases, tmp_path: Path):
    port = free_port()
    settings = ASKING | shared_settings("mariadb", databases("mariadb"), databases("redis"))
    settings |= {"PERSISTENCE__WORKER__PORT": str(port), "PERSISTENCE__WORKER__HOST": "0.0.0.0"}
    migrate(settings, tmp_path)
    key = {"X-API-Key": made(tmp_path, settings, "write", "read")}
    boss = {"X-API-Key": made(tmp_path, settings, "admin")}
    worker = WorkerProcess(tmp_path, settings, 0)
    worker.spawn()
    await asyncio.to_thread(worker.settle)
    try:
        async with Service(tmp_path, settings=settings) as service, Api(service.url) as api:
            taken = await api.send("POST", f"{ROOT}/tasks/batch", body={"tasks": [TASK]}, headers=key)
            path = f"{ROOT}/tasks/t1?receipt={taken.body['receipt']}"
            assert (await api.send("GET", path, headers=key)).status == 200
            async with Api(f"http://127.0.0.1:{port}") as probe:
                asked = [(await probe.send("GET", path)).status for path in ("/health/live", "/health", "/metrics")]
                assert asked == [200, 401, 401]
                for head, shown in ((key, [403, 200]), (boss, [200, 200])):
                    assert [
                        (await probe.send("GET", path, headers=head)).status for path in ("/health", "/metrics")
                    ] == shown
    finally:
        worker.end(signal.SIGKILL)


CANARIES = {"email": "canary-7f3a@example.org", "theme": "canary-theme-52be"}
SHOWN = ("health", "backends", "stats", "keys")
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnktMTFhYSJ9.canary44d0"
PASSWORD = "canary-pass-8e21"


@pytest.mark.slow
async def test_no_secret_stands_in_logs_metrics_or_problems(databases, shared, tmp_path: Path):
    user = {"user_id": "u1", "email": CANARIES["email"], "name": "Anna"}
    user |= {"preferences": {"theme": CANARIES["theme"]}}
    lost = "PERSISTENCE__BACKENDS__LOST__"
    settings = shared | {
        f"{lost}TYPE": "postgres",
        f"{lost}DSN": f"postgresql://someone:{PASSWORD}@127.0.0.1:9/nowhere",
        "PERSISTENCE__COLLECTIONS__LOGS__BACKEND": "lost",
        "PERSISTENCE__LOG__LEVEL": "debug",
    }
    dsn = settings["PERSISTENCE__BACKENDS__MAIN__DSN"]
    boss, writer = made(tmp_path, settings, "admin", "read"), made(tmp_path, settings, "write", "read")
    kept: list[str] = []  # all that the service says where something is wrong

    async with Service(tmp_path, settings=settings) as service, Api(service.url) as api:

        async def asked(method: str, path: str, key: str = writer, **more: Any) -> Reply:
            reply = await api.send(method, path, headers={"X-API-Key": key} | more.pop("headers", {}), **more)
            if reply.status >= 400:
                kept.append(f"{reply.headers} {reply.body}")
            return reply

        assert (await asked("POST", "/api/v1/users", body=user)).status == 201
        await asked("POST", "/api/v1/users", body=user)
        await asked("POST", "/api/v1/users", body=user | {"user_id": "u2"})
        await asked("PATCH", "/api/v1/users/u1", body={"email": CANARIES["email"]}, headers={"If-Match": '"0-0"'})
        await asked("POST", "/api/v1/users/batch", body={"users": [user | {"user_id": "u3"}, user | {"age": 1}]})
        await asked("GET", f"/api/v1/users?email={CANARIES['email']}")
        await asked("GET", f"/api/v1/users?user_id={writer}")
        await asked("GET", f"/api/v1/users/{writer}")
        await asked("GET", f"/api/v1/logs/export?token={TOKEN}")
        await asked("GET", f"/api/v1/logs/export?message__contains={TOKEN}")
        await asked("GET", f"/api/v1/logs/export?password={PASSWORD}")
        await asked("GET", f"{ROOT}/tasks", key=writer[:-4] + "AAAA")
        await asked("GET", f"{ROOT}/tasks", key="", headers={"Authorization": f"Bearer {TOKEN}"})
        await asked("POST", "/api/v1/system/keys", key=boss, body={"name": "x", "scopes": [writer]})
        made_key = (await asked("POST", "/api/v1/system/keys", key=boss, body={"name": "x", "scopes": []})).body["key"]
        await asked("POST", "/api/v1/logs/batch", body={"logs": [{"level": "info", "message": "hello"}]})
        await asked("GET", "/api/v1/logs")
        kept += [str((await asked("GET", f"/api/v1/system/{path}", key=boss)).body) for path in SHOWN]
        kept.append(await _text(f"{service.url}/metrics", boss))
        await service.stop()
    kept.append(service.log.read_text())
    assert len(kept[-1]) > 1000
    secrets = [boss.partition(".")[2], writer.partition(".")[2], made_key.partition(".")[2]]
    secrets += [*CANARIES.values(), TOKEN, PASSWORD, dsn, dsn.partition("@")[0].rpartition(":")[2]]
    found = {secret: [text for text in kept if secret in text] for secret in secrets}
    assert {secret: texts[0][:2000] for secret, texts in found.items() if texts} == {}


async def _text(url: str, key: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"X-API-Key": key}) as reply:
        assert reply.status == 200
        return await reply.text()
