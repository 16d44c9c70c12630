"""A kind of credential."""

from __future__ import annotations

from typing import Protocol

from domain.model.access import Principal


class Authenticator(Protocol):
    """Tells who a credential belongs to."""

    def knows(self, credential: str) -> bool:
        """Whether the text has the form of this kind; only then is it judged here."""
        ...

    async def principal(self, credential: str) -> Principal:
        """Its owner, with the scopes of now.

        Raises Unauthenticated for one that is unknown, expired, revoked or not what its issuer gave, without a word
        about which; Unavailable where that cannot be told now.
        """
        ...
