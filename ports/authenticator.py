"""A kind of credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from domain.model.access import Principal

Toll = Callable[[], Awaitable[None]]
"""What a caller pays before a look-up of what anybody may have made up; raises where they have nothing left."""


async def no_toll() -> None:
    """For callers who were let in before."""


class Authenticator(Protocol):
    """Tells who a credential belongs to."""

    def knows(self, credential: str) -> bool:
        """Whether the text has the form of this kind; only then is it judged here."""
        ...

    async def principal(self, credential: str, toll: Toll = no_toll) -> Principal:
        """Its owner, with the scopes of now; ``toll``: what a look-up costs of a credential that is unknown here.

        Raises Unauthenticated for one that is unknown, expired, revoked or not what its issuer gave, without a word
        about which; Unavailable where that cannot be told now; what ``toll`` raises.
        """
        ...
