"""Callers who are not known, or may not."""

from __future__ import annotations

from domain.errors.outages import Unavailable
from domain.errors.requests import InvalidRequest, NotFound
from domain.errors.root import PersistenceError


class Unauthenticated(PersistenceError):
    """The request has no valid credential."""

    code = "unauthenticated"
    cure = (
        "Send a key that is neither expired nor revoked in `X-API-Key` (`persistence keys create` makes one), or a "
        "token of an issuer that this service takes, for its audience and of its type, in `Authorization`."
    )


class MissingScope(PersistenceError):
    """The caller may not do this."""

    code = "missing_scope"
    cure = "Use a key that has the scope which the detail names; `persistence keys create --scope` makes one."

    def __init__(self, detail: str = "", *, scope: str = "") -> None:
        """``scope``: that would be enough."""
        super().__init__(detail)
        self.scope = scope


class ForeignOrigin(PersistenceError):
    """A page of another origin may not ask where nobody has to authenticate."""

    code = "foreign_origin"
    cure = (
        "Ask by `localhost` or a loopback address, and from no page of another site; or set `auth.mode` to `keys`. "
        "Where the network itself is protected, `server.insecure` lets the service be asked by any name."
    )


class CredentialInAddress(InvalidRequest):
    """An address is no place for a credential."""

    code = "credential_in_address"
    cure = "Send the key in `X-API-Key`. Replace it: addresses are written into logs on the way."


class KeyNotFound(NotFound):
    """No key has this id."""

    code = "key_not_found"
    cure = "Use a `key_id` that `persistence keys list` shows; it is the part of a key before the dot, without `ps_`."


class KeysUnreachable(Unavailable):
    """Whether this credential is valid cannot be told now."""

    code = "keys_unreachable"
    cure = "Repeat after `Retry-After` seconds; keys that were used within the last hour are accepted meanwhile."
