"""What the backend behind a collection offers beyond the universal five."""

from __future__ import annotations

from domain.errors import AbilityMissing
from domain.model.collections import Collection
from domain.services.registry import StorageBackendRegistry
from ports.abilities import ConditionalWrites, Counting, Dumping, Expiring, Rewriting, Scanning, UniqueFields

ABILITIES: dict[str, type] = {
    "conditional_writes": ConditionalWrites,
    "unique_fields": UniqueFields,
    "counting": Counting,
    "expiring": Expiring,
    "scanning": Scanning,
    "dumping": Dumping,
    "rewriting": Rewriting,
}


def abilities_of(registry: StorageBackendRegistry, collection: Collection) -> list[str]:
    """The names of the abilities it has."""
    return [name for name, protocol in ABILITIES.items() if has(registry, collection, protocol)]


def has(registry: StorageBackendRegistry, collection: Collection, protocol: type) -> bool:
    """Whether it has one ability."""
    try:
        registry.ability(collection, protocol)
    except AbilityMissing:
        return False
    return True
