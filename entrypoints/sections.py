"""The tables of ``persistence.toml``: what each key means, its type, bounds and default."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from adapters.jwt.settings import IssuerSettings
from adapters.opensearch.settings import nodes_of
from domain.model.dead_letters import LetterBounds
from domain.model.files import MAX_FILE_BYTES, TYPE_PATTERN, FileLimits
from domain.model.policies import MAX_BATCH_BYTES, BufferPolicy
from domain.model.quotas import QuotaPolicy
from domain.model.sealed import KEY_ID
from domain.model.secret import Secret
from entrypoints.decoding import Tree
from ports.backend_type import BackendSettings, BackendType

MAIN = "main"  # the backend that a collection goes to when it names none, if there is one of this name
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key in it is an error."""


class ServerSettings(Section, frozen=True, kw_only=True):
    """The HTTP door."""

    host: str = "127.0.0.1"
    port: Port = 8080  # 0: any free one, which the start line names
    insecure: bool = False  # listen on other than loopback addresses although nobody has to authenticate
    drain_delay_seconds: Seconds = 0.0  # how long SIGTERM keeps serving while already reporting "not ready"
    finish_seconds: Seconds = 5.0  # for requests on their way when the listener closes
    flush_seconds: Seconds = 25.0  # for the last flush; what is not done stays in the journal
    keepalive_seconds: Seconds = 75.0  # an idle connection is kept this long
    body_seconds: Seconds = 30.0  # a request's body must have arrived by then
    max_connections: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 4096  # beyond, the longest idle one ends
    trusted_proxies: list[str] = []  # networks whose `X-Forwarded-For` is believed, like 10.0.0.0/8
    tls_certificate: str = ""  # PEM file, the whole chain; a renewed one is taken without a restart
    tls_key: str = ""  # PEM file, without a password, not readable by everybody
    tls_minimum: Literal["1.2", "1.3"] = "1.3"

    def __post_init__(self) -> None:
        """Refuse half a pair."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("`tls_certificate` and `tls_key` come together")
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: {error}") from None


class AuthSettings(Section, frozen=True, kw_only=True):
    """Who is let in."""

    mode: Literal["off", "keys"] = "off"  # off: everybody who reaches the address may everything
    backend: str = ""  # that holds the API keys; none named: `main`, else the first that is configured
    issuers: dict[Name, IssuerSettings] = {}  # of tokens that are taken beside keys, where `mode` asks for these

    def __post_init__(self) -> None:
        """Refuse issuers that cannot be told apart, or whose tokens nobody would have to show."""
        if self.issuers and self.mode == "off":
            raise ValueError('`issuers` are of tokens that are taken beside keys; set `mode` to "keys"')
        said = [each.issuer for each in self.issuers.values()]
        if len(said) != len({*said}):
            raise ValueError("two `issuers` have one `issuer`")


class AdminSettings(Section, frozen=True, kw_only=True):
    """A listener of its own for operators: `system`, metrics and documentation; the other one then has none of them."""

    host: str = "127.0.0.1"
    port: Port | None = None  # none: one listener is for all; 0: any free one


class WorkerSettings(Section, frozen=True, kw_only=True):
    """Where `persistence worker` answers for itself; its other settings are those of the instances."""

    host: str = "127.0.0.1"
    port: Port | None = None  # none: it does not listen; 0: any free one


class JournalSettings(Section, frozen=True, kw_only=True):
    """The pending log: on the local disk, or in a Redis that many instances and workers share."""

    type: Literal["local", "redis"] = "local"
    segment_bytes: Annotated[int, msgspec.Meta(ge=16 * 1024 * 1024, le=1024 * 1024 * 1024)] = 64 * 1024 * 1024
    url: Secret | None = None  # redis://host:6379/0, or rediss:// with TLS
    password: Secret | None = None  # where the URL has none
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the system knows
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 4  # of each collection; each is drained by one worker
    lease_seconds: Annotated[float, msgspec.Meta(ge=0.3, le=300)] = 3.0  # a dead worker's partitions rest that long
    call_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0  # for one call of Redis

    def __post_init__(self) -> None:
        """Refuse a shared log without a place."""
        if self.type == "redis" and self.url is None:
            raise ValueError('type "redis" needs a `url`, like redis://host:6379/0')


class BufferSettings(BufferPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds and triggers of the pending log, for every collection."""

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if not 0 < self.batch_records_min <= self.batch_records <= self.batch_records_max:
            raise ValueError("batch_records_min <= batch_records <= batch_records_max must hold, above 0")
        if not 0 < self.lane_share <= 1:
            raise ValueError("lane_share must be above 0 and at most 1")
        if not 0 < self.soft_share <= 1:
            raise ValueError("soft_share must be above 0 and at most 1")
        if not 0 < self.soft_age_seconds <= self.hard_age_seconds:
            raise ValueError("soft_age_seconds must be above 0 and at most hard_age_seconds")
        if not 0 <= self.linger_seconds <= self.max_age_seconds:
            raise ValueError("linger_seconds must be between 0 and max_age_seconds")
        if not 0 <= self.fast_flush_seconds < self.slow_flush_seconds:
            raise ValueError("fast_flush_seconds must be below slow_flush_seconds")
        if min(self.max_bytes, self.batch_bytes) < 1024 * 1024 or self.read_deadline_seconds < 0:
            raise ValueError("max_bytes and batch_bytes must be at least 1 MiB, read_deadline_seconds not negative")


class DeadLetterSettings(LetterBounds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bound of the dead letters of all collections together."""

    def __post_init__(self) -> None:
        """Refuse a bound that nothing fits under."""
        if self.max_records < 1 or self.max_bytes < 1024 * 1024:
            raise ValueError("max_records must be at least 1, and max_bytes at least 1 MiB")


class ConfiguredBackend(msgspec.Struct, frozen=True):
    """One ``[backends.NAME]`` table: a type by name, and the settings of that type."""

    type_name: str
    type: BackendType[Any]  # Any: the settings are the type's own
    settings: BackendSettings

    def shown(self) -> Tree:
        """The table with every effective setting, secrets masked."""
        return self.table(repr)

    def table(self, secret: Callable[[Secret], str]) -> Tree:
        """The same; ``secret``: how one is written."""
        return {"type": self.type_name, **msgspec.to_builtins(self.settings, enc_hook=secret)}


class CollectionSettings(Section, frozen=True, kw_only=True):
    """Where a collection is kept, and what becomes of a record that its backend refuses."""

    backend: str = ""  # none named: `main`, else the first that is configured
    on_failure: Literal["dead_letter", "discard"] | None = None  # None: as in [buffer]
    retention_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] | None = None  # of logs; None: 30; 0: for ever
    cache_seconds: Seconds | None = None  # of records and of lists; None: as in [cache]; 0: nothing is cached
    encrypted: list[str] = []  # fields


class KeyringSettings(Section, frozen=True, kw_only=True):
    """What fields are encrypted by: a file of keys, or keys of the environment."""

    file: str = ""  # that is open to nobody but its owner
    active: str = ""  # id of the key that encrypts; this one and the rest where no file is named
    keys: dict[Annotated[str, msgspec.Meta(pattern=f"^{KEY_ID}$")], Secret] = {}  # base64 of 32 bytes, by id
    index_key: Secret | None = None  # the same; equal values are found by it

    def __post_init__(self) -> None:
        """Refuse keys in two places."""
        if self.file and (self.active or self.keys or self.index_key):
            raise ValueError("keys are in the `file`, or they are named by `active`, `keys` and `index_key`; not both")

    @property
    def is_there(self) -> bool:
        """Whether there are keys at all."""
        return bool(self.file or self.keys)


class CacheSettings(Section, frozen=True, kw_only=True):
    """Answers that are kept for a while: single records in this process, lists and counts in a Redis."""

    record_seconds: Seconds = 10.0  # 0: no records are cached
    list_seconds: Seconds = 60.0  # 0: no lists are cached
    max_records: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 20_000
    max_bytes: Annotated[int, msgspec.Meta(ge=65_536, le=64 * 1024**3)] = 32 * 1024 * 1024  # of the records
    alone: bool = False  # no other service writes to the databases that are configured here
    url: Secret | None = None  # redis://host:6379/1, or rediss:// with TLS; none: no lists are cached
    password: Secret | None = None  # where the URL has none
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the system knows
    call_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=0.05)] = 0.025  # for one call of Redis


class QuotaSettings(QuotaPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often callers may ask where they have to authenticate, and the Redis in which instances count together."""

    url: Secret | None = None  # redis://host:6379/1, or rediss:// with TLS; none: each instance counts for itself
    password: Secret | None = None  # where the URL has none
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the system knows
    call_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=0.05)] = 0.025  # for one call of Redis

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.anonymous_per_minute, self.key_per_minute, self.session_queries_per_minute) < 0:
            raise ValueError("quotas are not negative; 0 is for as many requests as they like")
        if self.in_flight_bytes < MAX_BATCH_BYTES or self.instances < 1:
            raise ValueError("in_flight_bytes must hold a batch (8 MiB), and instances be at least 1")


class ObjectSettings(Section, frozen=True, kw_only=True):
    """Where the content of files is kept, and which files are taken."""

    type: Literal["local", "s3", "off"] = "local"  # s3: MinIO, and whatever else speaks like it
    path: str = "{data_dir}/objects"  # of type local
    endpoint: str = ""  # of type s3: a host, or host:port
    public_endpoint: str = ""  # of type s3: by which clients reach it for links; none named: `endpoint`
    bucket: str = ""  # must exist, and be for this service alone
    access_key: Secret | None = None
    secret_key: Secret | None = None
    region: str = "us-east-1"
    tls: bool = True  # encrypted, and the certificate names the host
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the system knows
    connect_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 5.0
    read_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 30.0  # for each answer, or part of one
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_FILE_BYTES)] = 5 * 1024**3  # of one file
    types: list[Annotated[str, msgspec.Meta(pattern=TYPE_PATTERN)]] = []  # none named: files of any type are taken
    parallel_uploads: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16

    def __post_init__(self) -> None:
        """Refuse a bucket that is not described."""
        if self.type == "s3" and not (self.endpoint and self.bucket and self.access_key and self.secret_key):
            raise ValueError('type "s3" needs `endpoint`, `bucket`, `access_key` and `secret_key`')

    @property
    def limits(self) -> FileLimits:
        """Which files are taken."""
        return FileLimits(max_bytes=self.max_bytes, types=tuple(self.types))


class SearchSettings(Section, frozen=True, kw_only=True):
    """Where texts are searched."""

    type: Literal["off", "sqlite", "opensearch"] = "off"  # sqlite: a file of its own, whatever keeps the records
    path: str = "{data_dir}/search.db"  # of type sqlite
    url: str = ""  # of type opensearch: https://search:9200; several nodes of one cluster are separated by commas
    prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] = "persistence"  # of its indexes' names
    user: Secret | None = None
    password: Secret | None = None
    tls_verify: bool = True  # the certificate is one of a known authority, and names the host
    ca_file: str = ""  # that authority's certificate; none: those that the system knows
    call_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 30.0  # for one call that writes
    query_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0  # for one that reads
    max_lag_bytes: Annotated[int, msgspec.Meta(ge=1024 * 1024)] = 1024**3  # that the journal keeps for the index alone

    def __post_init__(self) -> None:
        """Refuse a server that is not described."""
        if self.type == "opensearch":
            nodes_of(self.url, self.user, self.password)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The nodes, of type opensearch."""
        return nodes_of(self.url, self.user, self.password)


class LogSettings(Section, frozen=True, kw_only=True):
    """What is written about the service's own doings."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["auto", "json", "console"] = "auto"  # auto: readable on a terminal, JSON elsewhere


class TracingSettings(Section, frozen=True, kw_only=True):
    """Where traces go: what a request, its append, the flush and the statements took."""

    endpoint: str = ""  # of a collector that speaks OTLP over HTTP, like http://collector:4318; none: nothing is traced
    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0  # of the requests whose caller has not decided it
    headers: Secret | None = None  # that the collector wants, like authorization=Bearer SECRET, separated by commas
    service_name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "persistence"
    ca_file: str = ""  # certificate of the authority that is trusted; none: those that the library knows

    def __post_init__(self) -> None:
        """Refuse what nothing can be sent to."""
        self.url  # noqa: B018  # raises
        self.sent_headers  # noqa: B018

    @property
    def url(self) -> str:
        """Where spans are posted; empty for nowhere. Raises ValueError."""
        if not self.endpoint:
            return ""
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("endpoint must be an address like http://collector:4318")
        if "@" in parts.netloc:
            raise ValueError("endpoint names a user; `headers` is for what the collector must be told")
        return self.endpoint if parts.path.strip("/") else f"{self.endpoint.rstrip('/')}/v1/traces"

    @property
    def sent_headers(self) -> dict[str, str]:
        """By their names. Raises ValueError."""
        pairs = self.headers.reveal().split(",") if self.headers is not None else ()
        found = {}
        for pair in pairs:
            name, told, value = pair.partition("=")
            if not told or not _HEADER_NAME.fullmatch(name.strip()) or not value.strip().isprintable():
                raise ValueError("headers must be like name=value,other=value")
            found[name.strip()] = value.strip()
        return found
