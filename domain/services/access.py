"""Who a request comes from."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import Unauthenticated
from domain.model.access import ANYBODY, Principal
from ports.authenticator import Authenticator, Toll, no_toll


class Access:
    """Every kind of credential that is taken; without one, nobody has to authenticate."""

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self._authenticators = tuple(authenticators)

    @property
    def is_open(self) -> bool:
        """Whether everybody may everything."""
        return not self._authenticators

    async def principal(self, credential: str | None, toll: Toll = no_toll) -> Principal:
        """Who shows this credential, as the port says. Raises Unauthenticated, Unavailable, what ``toll`` raises."""
        if self.is_open:
            return ANYBODY
        if credential is not None:
            for authenticator in self._authenticators:
                if authenticator.knows(credential):
                    return await authenticator.principal(credential, toll)
        raise Unauthenticated
