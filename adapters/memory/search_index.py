"""A search index in plain dictionaries: the reference of what is found, and an index for trials."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from domain.model.collections import Collection
from domain.model.matching import matcher
from domain.model.query import check_filter
from domain.model.records import HealthStatus, Record, greater
from domain.model.search import FACET_VALUES, Hit, IndexPosition, SearchQuery, SearchResult


class MemorySearchIndex:
    """Looks at every record; scores by how often the words are there."""

    def __init__(self) -> None:
        self._tables: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._positions: dict[str, IndexPosition] = {}

    async def open(self) -> None:
        """Nothing to acquire."""

    async def close(self) -> None:
        """Nothing to release: an opened index finds its records again."""

    async def position(self, collection: Collection, origin: str) -> IndexPosition | None:
        """As the port says; of one log at a time."""
        found = self._positions.get(collection.name)
        return found if found is not None and found.origin == origin else None

    async def clear(self, collection: Collection) -> None:
        """As the port says."""
        self._positions.pop(collection.name, None)
        self._tables.pop(collection.name, None)

    async def index(
        self, collection: Collection, records: Sequence[Record], position: IndexPosition | None = None
    ) -> None:
        """As the port says."""
        table = self._tables[collection.name]
        for record in records:
            table[record.key] = greater(record, table[record.key]) if record.key in table else record
        if position is not None:
            self._positions[collection.name] = position

    async def search(self, collection: Collection, query: SearchQuery) -> SearchResult:
        """As the port says; every count is exact."""
        check_filter(collection, query.filter)
        holds = matcher(collection, query.filter)
        visible = [each for each in self._tables[collection.name].values() if each.deleted_at is None and holds(each)]
        found = {record.key: score for record in visible if (score := _score(collection, record, query.words))}
        order = sorted(found, key=lambda key: (-found[key], key))
        if query.after is not None:
            order = [key for key in order if (-found[key], key) > (-query.after.score, query.after.key)]
        facets = {name: self._facet(collection, name, found) for name in query.facets}
        hits = tuple(Hit(key=key, score=found[key]) for key in order[: query.limit])
        return SearchResult(hits=hits, total=len(found), total_exact=True, more=len(order) > query.limit, facets=facets)

    async def health_check(self) -> HealthStatus:
        """Always well."""
        return HealthStatus(healthy=True, detail="memory", latency_seconds=0.0)

    def _facet(self, collection: Collection, name: str, keys: Iterable[str]) -> dict[str, int]:
        place, table = collection.positions[name], self._tables[collection.name]
        counted = Counter(str(value) for key in keys if (value := table[key].values[place]) is not None)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:FACET_VALUES])


def _score(collection: Collection, record: Record, words: Sequence[str]) -> float:
    """How often the words are in the texts; 0 where one is in none of them."""
    texts = [str(record.values[collection.positions[field.name]] or "").casefold() for field in collection.searchable]
    times = [sum(text.count(word.casefold()) for text in texts) for word in words]
    return float(sum(times)) if all(times) else 0.0
