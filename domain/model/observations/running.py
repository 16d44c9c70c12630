"""The process, its workers and its configuration."""

from __future__ import annotations

from domain.model.observations.root import Observed


class ServiceStarting(Observed, frozen=True, kw_only=True, tag=True):
    """The service knows its number; what a former run left pending is indexed from here on."""

    instance: int


class UncleanStart(Observed, frozen=True, kw_only=True, tag=True):
    """The run before this one on the same folder did not end by itself: it was killed, or the power went."""


class ServiceStarted(Observed, frozen=True, kw_only=True, tag=True):
    """The service answers."""

    url: str
    admin_url: str | None = None  # of the listener for operators
    instance: int


class ServiceStopped(Observed, frozen=True, kw_only=True, tag=True):
    """The service ended on purpose."""

    exit_code: int
    left_in_journal: int


class ConfigurationReloaded(Observed, frozen=True, kw_only=True, tag=True):
    """Other backends or routes serve from here on."""

    generation: int
    opened: tuple[str, ...]  # backends that are new or changed
    closed: tuple[str, ...]
    needs_restart: tuple[str, ...]  # changed keys that only a restart heeds


class ReloadRefused(Observed, frozen=True, kw_only=True, tag=True):
    """A new configuration was no good; nothing has changed."""

    error: str  # stable code
    detail: str


class CertificateRenewed(Observed, frozen=True, kw_only=True, tag=True):
    """New connections are shown another certificate from here on."""

    certificate: str  # its file


class CertificateRefused(Observed, frozen=True, kw_only=True, tag=True):
    """The files of the certificate changed and cannot be used; the one before goes on."""

    detail: str


class IssuerLost(Observed, frozen=True, kw_only=True, tag=True):
    """The keys of an issuer of tokens cannot be read; those that were read before hold."""

    issuer: str
    detail: str


class IssuerRegained(Observed, frozen=True, kw_only=True, tag=True):
    """They can be read again."""

    issuer: str


class WorkerStarted(Observed, frozen=True, kw_only=True, tag=True):
    """The worker process has opened its backends and begins to drain."""

    pid: int


class WorkerEnded(Observed, frozen=True, kw_only=True, tag=True):
    """The worker process ended although nobody asked it to; it is started again."""

    reason: str
    retry_in_seconds: float


class KeyStoreLost(Observed, frozen=True, kw_only=True, tag=True):
    """API keys cannot be looked up; those that are known here stay as they were known, for an hour."""

    error: str  # stable code
    detail: str


class KeyStoreRegained(Observed, frozen=True, kw_only=True, tag=True):
    """API keys are looked up again."""


class AdministratorActed(Observed, frozen=True, kw_only=True, tag=True):
    """Somebody changed the service itself, or took records out of it as no client does day by day, or tried to."""

    action: str  # of the API's: "system.reload", "keys.create"
    subject: str  # what it was about: the address, or what was made
    actor: str  # principal, else network address; of a command, the user of the machine
    status: int | None = None  # of the answer; a command has none
    error: str | None = None  # stable code of the problem answered
    request_id: str | None = None
