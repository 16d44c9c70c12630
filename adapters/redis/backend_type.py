"""The backend type ``redis``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from domain.errors import StartFailure, missing_driver
from domain.model.secret import Secret
from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend

Life = Annotated[float, msgspec.Meta(ge=1, le=10 * 366 * 86_400)]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=3600)]


class RedisSettings(BackendSettings, frozen=True, kw_only=True):
    """Records in memory that Redis keeps on its disk too: redis://host:6379/2, or rediss:// with TLS."""

    url: Secret  # masked, because it may hold the password
    password: Secret | None = None  # where the URL has none
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the system knows
    call_seconds: Seconds = 5.0  # for one call
    query_seconds: Seconds = 5.0  # for a list, which may be many calls
    live_seconds: dict[str, Life] = msgspec.field(
        default_factory=dict
    )  # by collection: records go so long after their last write


def _build(settings: RedisSettings, context: BackendContext) -> OpenableBackend:
    known = [collection.name for collection in context.collections]
    for name in settings.live_seconds:
        if name not in known:
            raise StartFailure(f"backends.{context.name}.live_seconds: there is no collection {name[:80]!r}.")
    try:
        from adapters.redis.backend import RedisBackend
        from adapters.redis.server import RedisServer
    except ModuleNotFoundError as error:
        raise missing_driver(f"backends.{context.name}", error, "redis") from error
    place = f"backends.{context.name}.url"
    server = RedisServer(
        settings.url, settings.password, ca_file=settings.ca_file, call_seconds=settings.call_seconds, place=place
    )
    return RedisBackend(server, settings.live_seconds, query_seconds=settings.query_seconds)


REDIS = BackendType(RedisSettings, _build, drain="process")
