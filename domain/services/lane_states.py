"""How the lanes of a collection fare, seen together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from domain.model.lanes import LaneState
from domain.model.observations import LaneMeasured
from domain.services.registry import StorageBackendRegistry


def worst(states: Iterable[tuple[str, LaneState]]) -> Mapping[str, LaneState]:
    """By collection, the state of the lane that fares worst."""
    found: dict[str, LaneState] = {}
    for name, state in states:
        found[name] = max(found.get(name, state), state, key=_badness)
    return found


def measured(registry: StorageBackendRegistry, states: Mapping[str, LaneState]) -> Iterator[LaneMeasured]:
    """What there is to report of collections that are drained."""
    for collection in registry.collections:
        if state := states.get(collection.name):
            yield LaneMeasured(
                collection=collection.name,
                noun=collection.noun,
                backend=registry.routes[collection.name],
                lost=state.lost,
                paused=state.paused,
                batch_records=state.batch_records,
            )


def _badness(state: LaneState) -> tuple[bool, bool, int]:
    return state.paused, state.last_error is not None, state.attempt
