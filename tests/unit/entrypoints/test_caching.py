from __future__ import annotations

import pytest

from adapters.system.clock import SystemClock
from adapters.system.ids import SystemIds
from domain.errors import InvalidConfiguration
from domain.model.built_in import BUILT_IN
from domain.model.translation import SESSIONS, TASKS
from domain.services.caching import Use
from domain.services.counted_log import CountedLog
from entrypoints.backends import Backends, place_of
from entrypoints.caching import CachedReads
from entrypoints.settings import load_settings

MARIADB = """
[backends.main]
type = "mariadb"
dsn = "mariadb://user:hunter2@127.0.0.1:1/db"
"""
SHARED = '[journal]\ntype = "redis"\nurl = "redis://127.0.0.1:1/0"\n'


def settings_of(folder, text):
    file = folder / "persistence.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ={}, flags={"data_dir": str(folder)})


def reads(folder, text):
    settings, clock = settings_of(folder, text), SystemClock()
    backends = Backends(settings, BUILT_IN, lambda _: None, clock)
    return CachedReads(settings, backends, CountedLog(None, SystemIds()), lambda _: None, clock)


@pytest.mark.parametrize(
    ("text", "cached"),
    [
        ("", True),
        ('[backends.main]\ntype = "memory"\n', True),
        (MARIADB, False),
        (MARIADB + "[cache]\nalone = true\n", True),
        (MARIADB + SHARED, True),
    ],
    ids=["sqlite", "memory", "a database of many", "of one alone", "behind a shared buffer"],
)
def test_what_others_may_write_unseen_is_not_cached(tmp_path, text, cached):
    assert (reads(tmp_path, text).caching._place(TASKS) is not None) == cached


def test_instances_name_a_place_alike_and_betray_nothing(tmp_path):
    settings = settings_of(tmp_path, MARIADB)
    other = settings_of(tmp_path, MARIADB.replace("/db", "/other"))
    place = place_of(settings.backends["main"])
    assert place == place_of(settings_of(tmp_path, MARIADB + SHARED).backends["main"])
    assert place != place_of(other.backends["main"])
    assert (len(place), "hunter2" in place) == (32, False)


def test_each_collection_may_be_kept_for_another_time(tmp_path):
    text = "[cache]\nrecord_seconds = 3\n[collections.translation_tasks]\ncache_seconds = 0\n"
    seconds = reads(tmp_path, text).caching._levels[Use.RECORDS].seconds
    assert (seconds(SESSIONS.name), seconds(TASKS.name)) == (3, 0)


async def test_without_a_redis_lists_are_not_cached(tmp_path):
    found = reads(tmp_path, "")
    assert (set(found.caching._levels), await found.health()) == ({Use.RECORDS}, None)


async def test_a_redis_that_is_not_there_keeps_nobody_from_starting(tmp_path):
    found = reads(tmp_path, '[cache]\nurl = "redis://127.0.0.1:1/0"\n')
    await found.open()
    assert set(found.caching._levels) == {Use.RECORDS, Use.LISTS}
    health = await found.health()
    assert not health.healthy
    await found.close()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('url = "http://127.0.0.1/"', "cache.url"),
        ("call_seconds = 0.051", "cache.call_seconds"),
        ("call_seconds = 0", "cache.call_seconds"),
        ("record_seconds = -1", "cache.record_seconds"),
        ("max_records = 0", "cache.max_records"),
        ("max_bytes = 1", "cache.max_bytes"),
        ('alone = "yes"', "cache.alone"),
        ("ttl = 5", "cache.ttl"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, line, key):
    with pytest.raises(InvalidConfiguration, match=rf"{key}\b"):
        reads(tmp_path, f"[cache]\n{line}\n")


def test_a_password_is_not_shown(tmp_path):
    settings = settings_of(tmp_path, '[cache]\nurl = "redis://:hunter2@h/0"\npassword = "hunter2"\n')
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.shown())
