"""Poison is found in few statements, and nothing innocent is taken for it."""

from __future__ import annotations

import math
from random import Random

import pytest

from domain.errors import BackendError, BackendUnavailable, RecordRefused, StatementTooLarge
from domain.services.isolating import Isolation


class Store:
    """A store of numbers, all or none of a part, that refuses some."""

    def __init__(self, bad, *, told=False, kind=RecordRefused, room=math.inf):
        self.bad = set(bad)
        self.stored: list[int] = []
        self.statements = 0
        self._told, self._kind, self._room = told, kind, room

    async def write(self, part):
        self.statements += 1
        assert part == sorted(part)
        if len(part) > self._room:
            raise StatementTooLarge(f"{len(part)}")
        for place, item in enumerate(part):
            if item in self.bad:
                if self._told:
                    raise RecordRefused(f"no {item}", index=place)
                raise self._kind(f"no {item}")
        self.stored += part


async def isolated(store, n):
    isolation = Isolation(store.write, lambda item: 1)
    await isolation.store(range(n))
    return isolation.refused


def some(n, k, where):
    random = Random(f"{n} {k} {where}")
    places = {
        "first": range(k),
        "middle": range((n - k) // 2, (n - k) // 2 + k),
        "last": range(n - k, n),
        "scattered": random.sample(range(n), k),
        "even": [n * i // max(k, 1) for i in range(k)],
    }
    return sorted(places[where])


@pytest.mark.parametrize("where", ["first", "middle", "last", "scattered", "even"])
@pytest.mark.parametrize("k", range(11))
@pytest.mark.parametrize("n", [1000, 64, 11])
async def test_k_poison_items_cost_k_and_one_statements_where_they_are_named_and_2k_log_n_elsewhere(n, k, where):
    bad = some(n, k, where)
    for told, bound in ((True, k + 1), (False, 2 * k * math.log2(n) + 1)):
        store = Store(bad, told=told)
        refused = await isolated(store, n)

        assert sorted(item for item, _ in refused) == bad
        assert all(error.detail == f"no {item}" for item, error in refused)
        assert sorted(store.stored) == [item for item in range(n) if item not in bad]
        assert store.statements <= bound, (n, k, where, told)


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
@pytest.mark.parametrize("told", [True, False])
async def test_all_may_be_poison_and_cost_few_statements_each(n, told):
    store = Store(range(n), told=told)
    refused = await isolated(store, n)

    assert sorted(item for item, _ in refused) == list(range(n))
    assert not store.stored
    assert store.statements <= 3 * n + 10 * math.log2(n + 1)


async def test_what_is_too_large_together_is_split_and_nothing_of_it_is_refused():
    store = Store([], room=100)
    assert await isolated(store, 1000) == []
    assert store.stored == list(range(1000))
    assert store.statements <= 2 * 16


async def test_it_is_split_by_bytes_and_only_what_is_too_large_alone_is_refused():
    weights = [1] * 50 + [60, 40, 200] + [1] * 50
    sizes = []

    async def write(part):
        sizes.append(sum(weights[item] for item in part))
        if sizes[-1] > 100:
            raise StatementTooLarge("too large")

    isolation = Isolation(write, weights.__getitem__)
    await isolation.store(range(len(weights)))

    assert [item for item, _ in isolation.refused] == [52]
    assert len(sizes) <= 12


async def test_an_error_about_the_items_together_makes_none_of_them_poison():
    store = Store([])
    write = store.write

    async def jealous(part):
        if {3, 7} <= set(part):
            store.statements += 1
            raise RecordRefused("not the two of us")
        await write(part)

    store.write = jealous
    assert await isolated(store, 1000) == []
    assert sorted(store.stored) == list(range(1000))


@pytest.mark.parametrize("n", [1, 2, 1000])
async def test_an_error_that_nobody_knows_and_that_meets_all_is_not_about_items(n):
    store = Store(range(n), kind=BackendError)
    with pytest.raises(BackendError, match="no 0"):
        await isolated(store, n)

    assert store.statements <= 2 * math.ceil(math.log2(n)) + 1


@pytest.mark.parametrize(
    "bad", [[0], [999], [0, 1, 2], [500], [700, 998], [0, 999], [0, 1, 250, 500, 999], [*range(0, 1000, 7)]]
)
async def test_an_error_that_nobody_knows_and_that_others_do_not_meet_is_about_the_items_that_meet_it(bad):
    store = Store(bad, kind=BackendError)

    assert sorted(item for item, _ in await isolated(store, 1000)) == bad
    assert sorted(set(store.stored)) == [item for item in range(1000) if item not in bad]


@pytest.mark.parametrize("bad", [range(100), range(100, 200), range(200, 201)])
async def test_what_one_statement_shows_is_evidence_for_all_of_them(bad):
    store = Store(bad, kind=BackendError)
    isolation = Isolation(store.write, lambda item: 1, 100)
    await isolation.store(range(201))

    assert sorted(item for item, _ in isolation.refused) == [*bad]
    assert sorted(set(store.stored)) == [item for item in range(201) if item not in bad]


@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_an_error_that_nobody_knows_and_that_passes_makes_no_item_poison(failures):
    store = Store([])
    write = store.write

    async def moody(part):
        nonlocal failures
        if 5 in part and failures:
            failures -= 1
            raise BackendError("not now")
        await write(part)

    store.write = moody
    assert await isolated(store, 8) == []
    assert sorted(set(store.stored)) == list(range(8))


async def test_an_outage_meanwhile_is_raised_and_refuses_nothing():
    store = Store([5])
    write = store.write

    async def failing(part):
        if store.statements == 4:
            raise BackendUnavailable("gone")
        await write(part)

    store.write = failing
    isolation = Isolation(store.write, lambda item: 1)
    with pytest.raises(BackendUnavailable):
        await isolation.store(range(1000))
    assert isolation.refused == []
