"""Lost records are counted, whoever loses them."""

import sqlite3
from contextlib import closing

from tests.benchmarks import bodies, servers
from tests.benchmarks.kills import kill


def test_what_was_acknowledged_and_is_not_stored_is_lost(tmp_path):
    texts = bodies.batches(30, "k")
    with closing(sqlite3.connect(tmp_path / "forgetful.db")) as database:
        database.execute(f"CREATE TABLE {servers.TABLE} (task_id TEXT)")
        stored = [(bodies.key("k", number),) for number in range(150)] + [("another",)]
        database.executemany(f"INSERT INTO {servers.TABLE} VALUES (?)", stored)
        database.commit()
    forgetful = servers.Program(name="forgetful", module=servers.NOTHING.module, database="forgetful.db")
    counted = kill(forgetful, tmp_path, texts, "k", 1_000)
    assert 1_000 <= counted.acknowledged < 3_000
    assert counted.found == 150
    assert counted.lost == counted.acknowledged - 150
