"""How a batch becomes statements."""

from __future__ import annotations

import pytest

from adapters.mysql.bulk import parts, rendered
from adapters.mysql.product import Product
from adapters.sql.rows import to_rows
from adapters.sql.statements import columns
from domain.errors import RecordRefused
from domain.model.built_in import BUILT_IN
from domain.model.translation import TASKS
from persistence_contract.records import record

MARIADB = Product(name="MariaDB", version=(10, 6, 0), max_packet=16 * 1024 * 1024)
MYSQL = Product(name="MySQL", version=(8, 0, 19), max_packet=64 * 1024 * 1024)
UPSERT = rendered(TASKS, MARIADB)


def small(max_packet: int) -> Product:
    return Product(name="MariaDB", version=(10, 6, 0), max_packet=max_packet)


def batch(count: int, **fields):
    return to_rows(record(f"k{n:05}", revision=n, **fields) for n in range(count))


@pytest.mark.parametrize("collection", BUILT_IN, ids=lambda collection: collection.name)
@pytest.mark.parametrize("product", [MARIADB, MYSQL], ids=lambda product: product.name)
def test_the_version_is_assigned_last_behind_all_that_is_compared_with_it(collection, product):
    assignments = rendered(collection, product).tail.decode().partition(" ON DUPLICATE KEY UPDATE ")[2]
    order = sorted(columns(collection)[1:], key=lambda name: assignments.index(f"`{name}` = "))

    assert order[0] == "created_at"
    assert order[-2:] == ["revision", "updated_at"]


@pytest.mark.parametrize(
    ("product", "alias", "sent"),
    [(MARIADB, b") ON DUPLICATE", "VALUES(`status`)"), (MYSQL, b") AS sent ON DUPLICATE", "`sent`.`status`")],
    ids=["MariaDB", "MySQL"],
)
def test_each_server_has_its_own_word_for_the_row_that_is_sent(product, alias, sent):
    (part,) = parts(rendered(TASKS, product), batch(2), product)

    assert alias in part.statement
    assert sent in rendered(TASKS, product).tail.decode()


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_a_batch_is_one_statement(count):
    (part,) = parts(UPSERT, batch(count), MARIADB)

    assert (part.first, part.size) == (0, count)
    assert part.statement.startswith(b"INSERT INTO `translation_tasks` (`task_id`, ")
    assert part.statement.count(b"('k0") == count


def test_a_statement_has_at_most_a_thousand_rows():
    assert [(part.first, part.size) for part in parts(UPSERT, batch(2001), MARIADB)] == [
        (0, 1000),
        (1000, 1000),
        (2000, 1),
    ]


def test_a_statement_takes_at_most_a_quarter_of_the_packet_and_loses_no_row():
    product = small(64 * 1024)
    found = list(parts(UPSERT, batch(300, source_text="é" * 100), product))

    assert len(found) > 1
    assert all(len(part.statement) <= product.max_packet // 4 for part in found)
    assert [part.first for part in found] == [sum(part.size for part in found[:n]) for n in range(len(found))]
    assert sum(part.statement.count(b"('k0") for part in found) == sum(part.size for part in found) == 300


def test_a_large_row_goes_alone_and_one_that_no_packet_holds_is_refused_by_its_place():
    product = small(64 * 1024)
    rows = [*batch(1), *batch(1, source_text="x" * 30_000), *batch(1)]
    assert [part.size for part in parts(UPSERT, rows, product)] == [1, 1, 1]

    with pytest.raises(RecordRefused, match="max_allowed_packet is 65536") as refusal:
        list(parts(UPSERT, [*batch(2), *batch(1, source_text="'" * 40_000)], product))
    assert refusal.value.index == 2


@pytest.mark.parametrize("value", ["\ud800", object(), True], ids=["surrogate", "object", "truth"])
def test_a_value_that_is_none_is_refused_by_its_place(value):
    with pytest.raises(RecordRefused, match="cannot hold a value") as refusal:
        list(parts(UPSERT, [*batch(3), *batch(1, source_text=value)], MARIADB))
    assert refusal.value.index == 3
