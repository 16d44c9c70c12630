"""Users of real services: one address, one user, whoever asks whom; and in and out by the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.service import PATIENT, Service, command, environment
from tests.e2e.stores import settings_of

pytestmark = pytest.mark.slow

USERS = "/api/v1/users"


@pytest.fixture(params=["mariadb", "mysql", "postgres"])
async def instances(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """Clients of two services, each with a journal of its own, over one database."""
    with request.getfixturevalue(request.param).database() as database:
        settings = settings_of(request.param, database) | PATIENT
        await asyncio.to_thread(migrate, settings, tmp_path)
        async with AsyncExitStack() as stack:
            clients = []
            for name in ("one", "two"):
                (tmp_path / name).mkdir()
                service = await stack.enter_async_context(Service(tmp_path / name, settings=settings))
                clients.append(await stack.enter_async_context(aiohttp.ClientSession(service.url)))
            yield clients


def migrate(settings: dict[str, str], folder: Path) -> None:
    subprocess.run(command("migrate"), env=environment(settings), cwd=folder, check=True, capture_output=True)


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as response:
        return response.status, await response.json(content_type=None) if response.status != 204 else None


async def test_of_two_instances_and_many_writers_exactly_one_has_an_address(instances) -> None:
    async def create(number: int, email: str) -> int:
        user = {"user_id": f"{email}-{number}", "email": email.upper() if number % 3 else email}
        return (await ask(instances[number % 2], "POST", USERS, user))[0]

    for email in ("ann@example.com", "bob@example.com"):
        answers = await asyncio.gather(*(create(number, email) for number in range(16)))
        assert sorted(answers) == [201] + [409] * 15


async def test_changes_and_deletes_of_one_instance_free_the_address_for_the_other(instances) -> None:
    one, two = instances
    assert (await ask(one, "POST", USERS, {"user_id": "u1", "email": "ann@example.com"}))[0] == 201
    assert (await ask(two, "POST", USERS, {"user_id": "u2", "email": "bob@example.com"}))[0] == 201
    status, answer = await ask(two, "PATCH", f"{USERS}/u2", {"email": "Ann@example.com"})
    assert (status, answer["errors"][0]["pointer"]) == (409, "/email")

    assert (await ask(one, "PATCH", f"{USERS}/u1", {"email": "new@example.com"}))[0] == 200
    assert (await ask(two, "PATCH", f"{USERS}/u2", {"email": "Ann@example.com"}))[0] == 200
    assert (await ask(two, "DELETE", f"{USERS}/u2"))[0] == 204
    batch = {"users": [{"user_id": "u1", "email": "ann@example.com"}, {"user_id": "u3", "email": "new@example.com"}]}
    status, answer = await ask(one, "POST", f"{USERS}/batch", batch)
    assert (status, [item["verdict"] for item in answer["results"]]) == (200, ["stored", "stored"])
    _, page = await ask(two, "GET", f"{USERS}?fields=user_id,email&sort_by=user_id")
    assert [tuple(item.values()) for item in page["items"]] == [("u1", "ann@example.com"), ("u3", "new@example.com")]


async def test_users_go_in_and_out_by_the_command_line(tmp_path: Path) -> None:
    file, out = tmp_path / "users.ndjson", tmp_path / "out.ndjson"
    users = [{"user_id": f"u{n:02}", "email": f"User{n}@example.com", "preferences": {"n": n}} for n in range(30)]
    wrong = [{"user_id": "w1", "email": "nobody"}, {"user_id": "w2", "email": "user7@EXAMPLE.com"}]
    file.write_text("".join(json.dumps(user) + "\n" for user in [*users[:20], *wrong, *users[20:]]))

    def persistence(*arguments: str) -> subprocess.CompletedProcess[str]:
        run = command(*arguments, "--url", service.url)
        return subprocess.run(run, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)

    async with Service(tmp_path, settings=PATIENT) as service:
        done = await asyncio.to_thread(persistence, "import", str(file))
        assert done.returncode == 65, done.stderr
        assert "Acknowledged 30 records" in done.stdout
        assert f"{file}:21: `email` is no e-mail address: it has no @." in done.stderr
        assert f"{file}:22: Another user has this `email`." in done.stderr

        done = await asyncio.to_thread(persistence, "export", "users", "--output", str(out))
        assert done.returncode == 0, done.stderr
        exported = [json.loads(line) for line in out.read_text().splitlines()]
        assert [{name: user[name] for name in users[0]} for user in exported] == users
        again = await asyncio.to_thread(persistence, "import", str(out))
        assert (again.returncode, "Acknowledged 30 records" in again.stdout) == (0, True)

        shown = await asyncio.to_thread(persistence, "query", "users", "email_normalized=USER7@example.com")
        assert "u07" in shown.stdout
        assert "@" not in shown.stdout
        shown = await asyncio.to_thread(persistence, "get", "users", "u07")
        assert "User7@example.com" in shown.stdout
