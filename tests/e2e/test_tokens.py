"""A token of an identity provider opens the door of a running service, as far as its scopes say."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.e2e.service import Service, command, environment

KEY = ec.generate_private_key(ec.SECP256R1())
TASKS = "/api/v1/translation/tasks"


def configure(folder: Path, keys: str) -> None:
    """A service that takes the tokens of an issuer; ``keys``: by which, and how, they are judged."""
    shown = {**json.loads(ECAlgorithm.to_jwk(KEY.public_key())), "kid": "one", "use": "sig"}
    (folder / "keys.json").write_text(json.dumps({"keys": [shown]}))
    (folder / "persistence.toml").write_text(f"""
[auth]
mode = "keys"
[auth.issuers.login]
issuer = "https://login.example"
audience = "persistence"
{keys}
""")


def bearer(**changes: Any) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": "https://login.example", "aud": "persistence", "sub": "ann", "iat": now, "exp": now + 300}
    token = jwt.encode(claims | changes, KEY, algorithm="ES256", headers={"kid": "one", "typ": "at+jwt"})
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_is_let_in_as_far_as_its_scopes_say(tmp_path: Path):
    configure(tmp_path, 'algorithms = ["ES256"]\njwks_file = "keys.json"')
    async with Service(tmp_path) as service, aiohttp.ClientSession(service.url) as client:
        for scope, status in (("read", 200), ("openid read:translation_tasks", 200), ("write", 403), ("", 403)):
            async with client.get(TASKS, headers=bearer(scope=scope)) as answer:
                assert answer.status == status
        for wrong in ({"exp": int(time.time()) - 60}, {"aud": "other"}, {"iss": "https://evil.example"}):
            async with client.get(TASKS, headers=bearer(scope="read", **wrong)) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated")
        shown = bearer(scope="read")["Authorization"].removeprefix("Bearer ")
    text = service.log.read_text()
    assert '"token:login/ann"' in text
    assert shown.rpartition(".")[2] not in text


def test_a_secret_that_could_be_guessed_ends_the_start(tmp_path: Path):
    configure(tmp_path, 'algorithms = ["HS256"]\nsecret = "changeme"')
    ended = subprocess.run(
        [*command("serve"), "--port", "0"], cwd=tmp_path, env=environment(), capture_output=True, timeout=60
    )
    assert ended.returncode == 78
    assert b"at least 32 bytes" in ended.stderr
    assert b"changeme" not in ended.stderr
