"""What keeps the process from starting."""

from __future__ import annotations

from domain.errors.root import PersistenceError


class StartFailure(PersistenceError):
    """The service cannot start."""

    code = "start_failure"
    cure = "The service starts once that is mended."


def missing_driver(key: str, error: ModuleNotFoundError, extra: str) -> StartFailure:
    """What to say where a library is not installed; ``key``: of the configuration that needs it, ``extra``: that brings
    it.
    """
    return StartFailure(
        f"{key}: the driver {error.name} is missing. "
        f"Run: make install DRIVERS=yes (or: pip install 'persistence-service[{extra}]')"
    )


class InvalidConfiguration(StartFailure):
    """The configuration has an unknown, missing or impossible key."""

    code = "invalid_configuration"
    cure = "Correct what the sentence names; `ops/example.toml` documents every key."


class UnknownBackend(StartFailure):
    """A backend is named that is not there, or cannot be used."""

    code = "unknown_backend"
    cure = "Use a configured backend, or install, mend or remove the package that brings the type."


class DataFolderUnusable(StartFailure):
    """The data folder is none, or cannot be written."""

    code = "data_folder_unusable"
    cure = "Choose another folder with --data-dir, or give the service's user write access to this one."


class DataFolderLocked(StartFailure):
    """Another process serves this data folder."""

    code = "data_folder_locked"
    cure = "Stop the other process, or choose another folder with --data-dir."


class AddressInUse(StartFailure):
    """The address is taken by another process."""

    code = "address_in_use"
    cure = "Choose another port with --port, or stop the other process."
