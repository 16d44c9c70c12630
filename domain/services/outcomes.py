"""What became of single changes, in the words of their answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.errors import ItemError, PersistenceError, RecordRefused, ValueTaken, VersionStale, WriteConflict
from domain.model.changes import ChangeResult
from domain.model.collections import Collection
from domain.model.email import normal_form
from domain.model.receipts import WriteException
from domain.model.records import Record, Verdict
from domain.services.merging import Proposal


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One item on its way: what was visible, and the whole record that shall follow it."""

    index: int
    base: Record
    text: bytes  # JSON of the whole record


def judged(collection: Collection, change: Change, record: Record, exception: WriteException | None) -> ChangeResult:
    """The result of a change whose flush has ended; ``record``: what was to be stored."""
    if exception is None:
        earliest = min(record.created_at, change.base.created_at)
        stored = msgspec.structs.replace(record, created_at=earliest)
        return ChangeResult(
            index=change.index, key=record.key, verdict=Verdict.STORED, record=stored, revision=record.revision
        )
    problem: PersistenceError = RecordRefused(exception.detail)
    if exception.verdict is Verdict.CONFLICT:
        problem = taken(collection, change.index) if exception.code == ValueTaken.code else WriteConflict()
    return ChangeResult(index=change.index, key=record.key, verdict=exception.verdict, problem=problem)


def stale(change: Change) -> ChangeResult:
    """The result of a change that would be older than what it changes."""
    problem = VersionStale(f"`updated_at` is before the stored {change.base.updated_at.isoformat()}.")
    return ChangeResult(index=change.index, key=change.base.key, verdict=Verdict.STALE, problem=problem)


def as_before(change: Proposal, revision: int) -> ChangeResult:
    """The result of a change that a former attempt of the request stored."""
    return ChangeResult(index=change.index, key=change.key, verdict=Verdict.STORED, revision=revision)


def twice(collection: Collection, changes: Iterable[Proposal]) -> dict[int, ChangeResult]:
    """The results of the changes whose unique value an earlier one of the same request takes, by index."""
    source = unique_source(collection)
    first: set[str] = set()
    results: dict[int, ChangeResult] = {}
    for change in changes if source else ():
        value = _normal(change.members.get(source))
        if value in first:
            problem = taken(collection, change.index)
            results[change.index] = ChangeResult(
                index=change.index, key=change.key, verdict=Verdict.CONFLICT, problem=problem
            )
        elif value is not None:
            first.add(value)
    return results


def held_by_others(collection: Collection, changes: Sequence[Change], held: Mapping[str, str]) -> list[ChangeResult]:
    """The results of the changes whose unique value another record has; ``held``: keys by value."""
    others = [
        change for change in changes if held.get(unique_value(collection, change), change.base.key) != change.base.key
    ]
    return [
        ChangeResult(
            index=change.index,
            key=change.base.key,
            verdict=Verdict.CONFLICT,
            problem=taken(collection, change.index),
        )
        for change in others
    ]


def unique_value(collection: Collection, change: Change) -> str:
    """What no other record may have once a change is stored; empty where it has none."""
    members = msgspec.json.decode(change.text, type=dict[str, msgspec.Raw])
    return _normal(members.get(unique_source(collection))) or ""


def taken(collection: Collection, index: int, field: str | None = None) -> ValueTaken:
    """The problem of a change whose value of a field, by default the unique one, another record has."""
    name = field or unique_source(collection)
    detail = f"Another {collection.noun} has this `{name}`."
    error = ItemError(pointer=f"/{index}/{name}", code=ValueTaken.code, detail=detail)
    return ValueTaken(detail, errors=(error,))


def unique_source(collection: Collection) -> str:
    """The field that a client sends and no two records share; empty where there is none."""
    field = collection.unique_field
    return (field.normal_form_of or field.name) if field else ""


def _normal(value: msgspec.Raw | None) -> str | None:
    """The normal form of a sent address; None where it is none, which the schema will say."""
    try:
        return None if value is None else normal_form(msgspec.json.decode(value, type=str))
    except ValueError:
        return None
