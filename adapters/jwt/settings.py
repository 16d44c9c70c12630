"""What the configuration says of an issuer of tokens; no library is needed to read it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from domain.model.secret import Secret

SECRET_BYTES = 32  # of a key for HMAC, at least (RFC 7518, section 3.2)
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
]
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}  # the types of key that they take


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[auth.issuers.NAME]``: whose tokens are taken, and what has to be in them."""

    issuer: str  # `iss`, letter by letter
    audience: str  # that must be among `aud`
    algorithms: list[Algorithm] = msgspec.field(
        default_factory=lambda: ["RS256"]
    )  # all of one family: a key is never taken for one of another kind
    jwks_url: str = ""  # where the issuer shows its public keys; https
    jwks_file: str = ""  # or a file of them
    secret: Secret | None = None  # or the key of HS256 and its like
    ca_file: str = ""  # certificate of the authority that is trusted for `jwks_url`; none: those that the system knows
    token_type: str = "at+jwt"  # noqa: S105  # `typ` of the head (RFC 9068); "": an access token does not say what it is
    max_seconds: Annotated[float, msgspec.Meta(ge=1, le=366 * 86_400)] = 86_400.0  # of life, which `exp` may give
    scope_claim: str = "scope"  # that holds the scopes: words between blanks, or a list
    scope_prefix: str = ""  # of those that are meant for this service

    def __post_init__(self) -> None:
        """Refuse what would let others in, or nobody."""
        if not self.issuer or not self.audience:
            raise ValueError("`issuer` and `audience` are not empty")
        if len({name[:2] for name in self.algorithms}) != 1:
            raise ValueError("`algorithms` are of one family, like RS256 and RS512")
        if sum(map(bool, (self.jwks_url, self.jwks_file, self.secret))) != 1:
            raise ValueError("one of `jwks_url`, `jwks_file` and `secret` says by which keys tokens are judged")
        if bool(self.secret) != (self.key_type == "oct"):
            raise ValueError("`secret` is for HS256 and its like, and they take nothing else")
        if self.secret and len(self.secret.reveal().encode()) < SECRET_BYTES:
            raise ValueError(f"`secret` has at least {SECRET_BYTES} bytes, of chance")
        if self.jwks_url and not _is_safe(self.jwks_url):
            raise ValueError("`jwks_url` begins with https://; plain http is taken from this machine alone")

    @property
    def key_type(self) -> str:
        """``kty`` of the keys that are taken."""
        return _FAMILIES[self.algorithms[0][:2]]


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))
        )
    except ValueError:
        return False
