"""What must hold between settings, beyond the type and bounds of each."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from domain.errors import InvalidConfiguration, UnknownBackend
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from entrypoints.encrypted_fields import check_encrypted

if TYPE_CHECKING:
    from entrypoints.settings import Settings

LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # of all addresses of a machine, the one for itself


def check(settings: Settings) -> None:
    """Raises InvalidConfiguration, UnknownBackend, naming the key and what to do."""
    if not settings.data_dir or "\0" in settings.data_dir:
        raise InvalidConfiguration(f"data_dir: {settings.data_dir!r} is not the name of a folder.")
    declared = [collection.name for collection in BUILT_IN]
    for name in settings.collections:
        if name not in declared:
            raise InvalidConfiguration(f"collections.{name}: no such collection (there are: {', '.join(declared)}).")
    for collection in BUILT_IN:
        _check_collection(settings, collection)
        check_encrypted(
            collection,
            settings.collection(collection.name).encrypted,
            searched=collection in settings.indexed,
            has_keys=settings.keyring.is_there,
        )
    if settings.indexed and settings.shared_partitions:
        raise InvalidConfiguration(
            f'search.type: {settings.search.type} follows the journal of one instance; with journal.type = "redis" '
            "there is no search yet."
        )
    hosts = {name: getattr(settings, name).host for name in ("server", "admin", "worker")}
    for section, host in hosts.items():
        if settings.auth.mode == "off" and not is_loopback(host) and not settings.server.insecure:
            raise InvalidConfiguration(
                f"{section}.host: {host} can be reached by others, and nobody has to authenticate; set auth.mode = "
                '"keys" (`persistence keys create` makes the first one), or listen on 127.0.0.1, or say --insecure '
                "(server.insecure = true) if the network itself is protected."
            )
    if settings.admin.port and settings.admin.port == settings.server.port and _meet(hosts["server"], hosts["admin"]):
        raise InvalidConfiguration(
            f"admin.port: {settings.admin.port} is that of [server], and a listener has an address of its own; choose "
            "another one."
        )
    _check_keys(settings)


def _meet(one: str, other: str) -> bool:
    """Whether two hosts have an address in common, as far as they tell."""
    return one == other or one in LOOPBACK_OF or other in LOOPBACK_OF


def _check_keys(settings: Settings) -> None:
    if settings.auth.backend and settings.auth.backend not in settings.backends:
        raise UnknownBackend(
            f"auth.backend: there is no [backends.{settings.auth.backend}] (there is: {', '.join(settings.backends)})."
        )
    if settings.auth.mode == "off":
        return
    if not settings.backends:
        raise UnknownBackend("auth.mode: keys are kept in a backend, and none is configured.")
    kept = settings.backends[settings.keys_backend]
    if settings.shared_partitions and kept.type.drain == "inline":
        raise InvalidConfiguration(
            f"auth.backend: {settings.keys_backend} is of type {kept.type_name}, which one process keeps for itself; "
            'what many instances share by journal.type = "redis" needs their keys in a database server.'
        )


def _check_collection(settings: Settings, collection: Collection) -> None:
    name, chosen = collection.name, settings.collection(collection.name)
    if chosen.retention_days and collection.keep_days is None:
        raise InvalidConfiguration(
            f"collections.{name}.retention_days: {name} stay until they are deleted; only logs go by their age."
        )
    if chosen.backend not in settings.backends:
        known = ", ".join(settings.backends) or "none"
        raise UnknownBackend(
            f"collections.{name}.backend: there is no [backends.{chosen.backend}] (there is: {known})."
        )
    kept = settings.backends[chosen.backend]
    if settings.shared_partitions and kept.type.drain == "inline":
        raise InvalidConfiguration(
            f"collections.{name}.backend: {chosen.backend} is of type {kept.type_name}, which one process keeps for "
            'itself; what many instances share by journal.type = "redis" needs a database server.'
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
