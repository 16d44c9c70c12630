"""Keys at the HTTP door: what is under them, and where there are none."""

from __future__ import annotations

import re

from domain.errors import DecryptionFailed
from domain.model.users import USERS
from tests.integration.http.running import running

KEYRING = "/api/v1/system/keyring"


async def test_keys_are_shown_by_their_ids_alone():
    async with running() as service:
        status, found, _ = await service.get(KEYRING)
        assert (status, found["active"], found["keys"]) == (200, "k1", {"k1": {"values": 0, "dead_letters": 0}})
        assert found["collections"]["users"] == {
            "encrypted": [],
            "records": 0,
            "plain": 0,
            "rewritten": 0,
            "unreadable": 0,
            "finished": False,
            "finished_at": None,
            "last_error": None,
        }
        status, found, _ = await service.post(f"{KEYRING}/rewrap", {})
        assert (status, found["finished"], found["clean"]) == (202, False, False)


async def test_a_look_says_when_it_ended():
    async with running() as service:
        await service.services.encryption.rewrapping.sweep(USERS)
        _, found, _ = await service.get(KEYRING)
        looked = found["collections"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", looked["users"]["finished_at"])
        assert looked["logs"]["finished_at"] is None


async def test_without_keys_there_is_nothing_to_show():
    async with running() as service:
        service.services.encryption.sealing.keyring = None
        for method, path in (("GET", KEYRING), ("POST", f"{KEYRING}/rewrap")):
            status, problem, _ = await service.ask(method, path)
            assert (status, problem["code"]) == (501, "keyring_missing")
            assert "`persistence keyring create` makes a file of them" in problem["cure"]
            assert "backend" not in problem["cure"]


async def test_what_cannot_be_decrypted_is_a_problem_that_is_explained():
    async with running() as service:
        status, page, _ = await service.get(
            f"/problems/{DecryptionFailed.code}", headers={"Accept": "application/json"}
        )
        assert (status, page["status"]) == (200, 500)
        assert "copied from another place" in page["cause"]
