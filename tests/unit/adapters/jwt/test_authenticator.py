"""Tokens: only what an issuer gave for this service, now, by a key that it shows, opens the door."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from adapters.jwt.authenticator import JwtAuthenticator
from adapters.jwt.key_set import KeySet
from adapters.jwt.settings import IssuerSettings
from adapters.system.clock import SystemClock
from domain.errors import InvalidConfiguration, KeysUnreachable, Unauthenticated
from domain.model.access import PrincipalKind
from domain.model.observations import IssuerLost, IssuerRegained
from domain.model.secret import Secret

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC = ec.generate_private_key(ec.SECP256R1())
SECRET = "s" * 64
ISSUER, AUDIENCE = "https://login.example", "persistence"


def shown(key: Any, key_id: str = "one", **more: str) -> dict[str, Any]:
    kind = RSAAlgorithm if hasattr(key, "private_numbers") and hasattr(key, "decrypt") else ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, **more}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, "scope": "read write:users"}
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def token(key: Any = RSA, algorithm: str = "RS256", head: dict[str, Any] | None = None, **changes: Any) -> str:
    headers = {"kid": "one", "typ": "at+jwt", **(head or {})}
    headers = {name: value for name, value in headers.items() if value is not ...}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def by_hand(head: dict[str, Any], body: Any, signature: bytes = b"") -> str:
    texts = (json.dumps(head).encode(), body if isinstance(body, bytes) else json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(text).rstrip(b"=").decode() for text in texts)


def signed(key: Any, body: bytes, key_id: str = "one") -> str:
    """What the library would not sign."""
    unsigned = by_hand({"alg": "RS256", "typ": "at+jwt", "kid": key_id}, body).rpartition(".")[0]
    made = jwt.get_algorithm_by_name("RS256").sign(unsigned.encode(), key)
    return f"{unsigned}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def keep(path: Path, *keys: dict[str, Any]) -> None:
    path.write_text(json.dumps({"keys": keys}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    keep(path, shown(RSA), shown(EC, "two"), shown(SHORT, "short"))
    return path


@pytest.fixture
async def door(file: Path) -> AsyncIterator[JwtAuthenticator]:
    issuers = {"login": IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(file))}
    made = JwtAuthenticator(issuers, lambda _: None, SystemClock())
    await made.open()
    yield made
    await made.close()


async def test_a_good_token_is_its_subject_with_its_scopes(door: JwtAuthenticator):
    for good in (token(), token(aud=["other", AUDIENCE]), token(scope=["read", "write:users"])):
        assert door.knows(good)
        principal = await door.principal(good)
        assert (principal.kind, principal.id) == (PrincipalKind.TOKEN, "login/ann")
        assert principal.scopes == {"read", "write:users"}
    assert (await door.principal(token(scope=...))).scopes == frozenset()
    assert (await door.principal(token(scope=7))).scopes == frozenset()


PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NOW = int(time.time())


def _hmac_by_public_key() -> str:
    import hashlib
    import hmac

    unsigned = by_hand({"alg": "HS256", "typ": "at+jwt", "kid": "one"}, claims()).rpartition(".")[0]
    made = hmac.new(PEM, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(by_hand({"alg": "none", "typ": "at+jwt"}, claims()), id="no algorithm"),
        pytest.param(by_hand({"alg": "NoNe", "typ": "at+jwt", "kid": "one"}, claims()), id="no algorithm in disguise"),
        pytest.param(_hmac_by_public_key(), id="signed by the public key"),
        pytest.param(token(STRANGE), id="another key"),
        pytest.param(token(STRANGE, head={"kid": "three"}), id="unknown key id"),
        pytest.param(token(head={"kid": ...}), id="no key id, of two keys"),
        pytest.param(token(head={"kid": "two"}), id="a key of another kind"),
        pytest.param(token(EC, "ES256", head={"kid": "two"}), id="an algorithm of another family"),
        pytest.param(signed(SHORT, json.dumps(claims()).encode(), "short"), id="a short key"),
        pytest.param(token(STRANGE, head={"jwk": shown(STRANGE)}), id="brings its key"),
        pytest.param(token(head={"jku": "https://evil.example"}), id="names its keys"),
        pytest.param(token(head={"x5u": "https://evil.example"}), id="names its certificate"),
        pytest.param(token(head={"crit": ["exp"]}), id="critical extensions"),
        pytest.param(token(exp=...), id="for ever"),
        pytest.param(token(exp=NOW + 90_000), id="for longer than a day"),
        pytest.param(token(exp=NOW - 10, iat=NOW), id="over before it began"),
        pytest.param(token(exp=NOW - 60), id="expired"),
        pytest.param(token(nbf=NOW + 600), id="not yet"),
        pytest.param(token(iat=NOW + 600), id="given in the future"),
        pytest.param(token(iat=...), id="given at no time"),
        pytest.param(token(aud="other"), id="for others"),
        pytest.param(token(aud=...), id="for nobody"),
        pytest.param(token(iss="https://evil.example"), id="by others"),
        pytest.param(token(iss=f"{ISSUER}/"), id="by almost the same"),
        pytest.param(token(iss=...), id="by nobody"),
        pytest.param(signed(RSA, json.dumps(claims(iss=[ISSUER])).encode()), id="by several"),
        pytest.param(token(sub=...), id="of nobody"),
        pytest.param(token(sub=""), id="of an empty name"),
        pytest.param(token(sub="a" * 256), id="of a long name"),
        pytest.param(token(sub="a\nb"), id="of a name with a line break"),
        pytest.param(token(head={"typ": "JWT"}), id="an id token"),
        pytest.param(token(head={"typ": ...}), id="of no type"),
        pytest.param(token()[:-4] + "AAAA", id="another signature"),
        pytest.param(by_hand({"alg": "RS256", "typ": "at+jwt", "kid": "one"}, b"[" * 5000), id="deep"),
        pytest.param(by_hand({"alg": "RS256", "typ": "at+jwt", "kid": "one"}, b'{"exp": 1e999}'), id="endless"),
        pytest.param(by_hand({"alg": "RS256", "kid": ["one"]}, claims()), id="odd head"),
        pytest.param("a.b.c", id="nonsense"),
        pytest.param("..", id="nothing"),
    ],
)
async def test_what_is_not_a_tokens_issuers_word_is_refused(door: JwtAuthenticator, bad: str):
    with pytest.raises(Unauthenticated):
        await door.principal(bad)


async def test_a_token_whose_exp_is_no_number_is_refused(door: JwtAuthenticator):
    for exp in ("soon", [], None, float("inf"), 10**400):
        with pytest.raises(Unauthenticated):
            await door.principal(signed(RSA, json.dumps(claims() | {"exp": exp}).encode()))


@pytest.mark.parametrize("other", ["ps_abc.def", "a.b", "a b.c.d", "x" * 9000 + ".b.c", "", "a.b.c.d", "a.b.c\n"])
def test_only_what_looks_like_a_token_is_taken_for_one(other: str):
    assert not JwtAuthenticator({}, lambda _: None, SystemClock()).knows(other)


async def test_tokens_of_a_shared_secret_and_scopes_with_a_prefix():
    settings = IssuerSettings(
        issuer=ISSUER, audience=AUDIENCE, algorithms=["HS256"], secret=Secret(SECRET), scope_prefix="persistence:"
    )
    door = JwtAuthenticator({"login": settings}, lambda _: None, SystemClock())
    await door.open()
    principal = await door.principal(token(SECRET, "HS256", scope="openid persistence:read read"))
    assert principal.scopes == {"read"}
    with pytest.raises(Unauthenticated):
        await door.principal(token(SECRET, "HS512"))
    with pytest.raises(Unauthenticated):
        await door.principal(token("t" * 64, "HS256"))


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256"])
@pytest.mark.parametrize("bound", ["", "RS256"])
async def test_an_rsa_key_serves_the_algorithms_of_the_issuer_unless_its_set_binds_it(
    tmp_path: Path, algorithm: str, bound: str
):
    keep(tmp_path / "keys.json", shown(RSA, **({"alg": bound} if bound else {})))
    settings = IssuerSettings(
        issuer=ISSUER, audience=AUDIENCE, algorithms=(algorithm,), jwks_file=str(tmp_path / "keys.json")
    )
    door = JwtAuthenticator({"login": settings}, lambda _: None, SystemClock())
    await door.open()
    if bound in ("", algorithm):
        assert (await door.principal(token(RSA, algorithm))).id == "login/ann"
    else:
        with pytest.raises(Unauthenticated):
            await door.principal(token(RSA, algorithm))
    with pytest.raises(Unauthenticated):
        await door.principal(token(STRANGE, algorithm))


async def test_a_key_that_was_withdrawn_long_ago_is_not_believed_once_more(file: Path, monkeypatch):
    clock = SystemClock()
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(file))
    door = JwtAuthenticator({"login": settings}, lambda _: None, clock)
    await door.open()
    begun = clock.monotonic()
    assert (await door.principal(token())).id == "login/ann"
    keep(file, shown(STRANGE))
    monkeypatch.setattr(clock, "monotonic", lambda: begun + 86_400)
    with pytest.raises(Unauthenticated):
        await door.principal(token())
    assert (await door.principal(token(STRANGE))).id == "login/ann"
    keep(file)  # whoever has no keys to show locks nobody out, however long that lasts
    monkeypatch.setattr(clock, "monotonic", lambda: begun + 2 * 86_400)
    for _ in range(2):
        assert (await door.principal(token(STRANGE))).id == "login/ann"
    await door.close()


async def test_a_file_of_keys_that_is_renewed_is_read_again(file: Path, door: JwtAuthenticator, monkeypatch):
    monkeypatch.setattr("adapters.jwt.key_set.REST_SECONDS", 0.0)
    keep(file, shown(STRANGE, "new"))
    assert (await door.principal(token(STRANGE, head={"kid": "new"}))).id == "login/ann"
    with pytest.raises(Unauthenticated):
        await door.principal(token())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": []}', '{"keys": 3}', "[" * 100_000, "nonsense"])
async def test_a_file_without_keys_ends_the_start(tmp_path: Path, text: str):
    (tmp_path / "keys.json").write_text(text)
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(tmp_path / "keys.json"))
    with pytest.raises(InvalidConfiguration, match=r"auth\.issuers\.login\.jwks_file"):
        await JwtAuthenticator({"login": settings}, lambda _: None, SystemClock()).open()


async def test_an_authority_that_cannot_be_read_ends_the_start():
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://login.example", ca_file="missing.pem")
    with pytest.raises(InvalidConfiguration, match=r"auth\.issuers\.login\.ca_file: missing\.pem cannot be used"):
        await JwtAuthenticator({"login": settings}, lambda _: None, SystemClock()).open()


class Provider:
    """An identity provider's address with its keys; counts how often it was asked."""

    def __init__(self) -> None:
        self.keys = {"keys": [shown(RSA)]}
        self.asked = 0
        self.moved = False

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.moved:
            raise web.HTTPFound("/elsewhere")
        return web.json_response(self.keys)

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()


async def test_keys_at_an_address_are_read_once_and_for_an_unknown_id_again_but_seldom():
    provider, seen = Provider(), []
    await provider.start()
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=f"http://127.0.0.1:{provider.port}/keys")
    keys = KeySet("login", settings, seen.append, clock := SystemClock())
    await keys.open()
    await asyncio.gather(*(keys.key("one") for _ in range(20)))
    assert provider.asked == 1
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await keys.key("guess")
    assert provider.asked == 1  # read a moment ago
    keys._tried_at = clock.monotonic() - 11
    provider.keys = {"keys": [shown(RSA), shown(STRANGE, "new")]}
    await asyncio.gather(*(keys.key("new") for _ in range(20)))
    assert provider.asked == 2
    await provider.stop()
    keys._tried_at = keys._read_at = clock.monotonic() - 601
    assert await keys.key("one")  # an issuer that is away locks nobody out
    assert keys._reading is not None
    await keys._reading
    assert [type(each) for each in seen] == [IssuerLost]
    await provider.start(provider.port)
    keys._tried_at = clock.monotonic() - 11
    await keys.key("one")
    await keys._reading
    assert [type(each) for each in seen] == [IssuerLost, IssuerRegained]
    await keys.close()
    await provider.stop()


async def test_an_issuer_that_was_never_reached_is_no_reason_to_refuse_for_good_and_redirects_are_not_followed():
    provider = Provider()
    await provider.start()
    provider.moved = True
    settings = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=f"http://127.0.0.1:{provider.port}/keys")
    seen: list[Any] = []
    door = JwtAuthenticator({"login": settings}, seen.append, SystemClock())
    await door.open()
    assert provider.asked == 1
    assert [type(each) for each in seen] == [IssuerLost]
    with pytest.raises(KeysUnreachable):
        await door.principal(token())
    await door.close()
    await provider.stop()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"issuer": ""}, "not empty"),
        ({"audience": ""}, "not empty"),
        ({"algorithms": ["RS256", "ES256"]}, "one family"),
        ({"algorithms": []}, "one family"),
        ({"jwks_file": ""}, "one of"),
        ({"jwks_url": "https://login.example/keys"}, "one of"),
        ({"jwks_file": "", "jwks_url": "http://login.example/keys"}, "https"),
        ({"jwks_file": "", "jwks_url": "file:///etc/passwd"}, "https"),
        ({"jwks_file": "", "secret": Secret(SECRET)}, "`secret` is for HS256"),
        ({"algorithms": ["HS256"]}, "`secret` is for HS256"),
        ({"algorithms": ["HS256"], "jwks_file": "", "secret": Secret("short")}, "at least 32 bytes"),
    ],
)
def test_an_issuer_that_would_let_others_in_is_refused(changes: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        IssuerSettings(**({"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "keys.json"} | changes))


@pytest.mark.parametrize("host", ["localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.10"])
def test_keys_in_clear_text_come_from_this_machine_alone(host: str):
    with pytest.raises(ValueError, match="https"):
        IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=f"http://{host}/keys")
