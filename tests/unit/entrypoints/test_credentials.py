"""Who is let in, from the configuration: opened where keys are asked for, and reached anew when a reload says so."""

import pytest

from adapters.system.clock import SystemClock
from adapters.system.ids import SystemIds
from domain.errors import DataFolderUnusable, StartFailure, Unauthenticated
from domain.model.access import ANYBODY
from domain.model.observations import BackendAbsent
from entrypoints.credentials import Credentials, build_keys_backend
from entrypoints.settings import load_settings

SQLITE = '[backends.main]\ntype = "sqlite"\npath = "{path}"\n'
AWAY = '[backends.main]\ntype = "postgres"\ndsn = "postgresql://someone:hush-9f2c@127.0.0.1:9/nowhere"\n'


@pytest.fixture
def made(tmp_path):
    def build(text="", mode="keys"):
        file = tmp_path / "persistence.toml"
        file.write_text(text)
        file.chmod(0o600)
        return load_settings(file, environ={}, flags={"data_dir": str(tmp_path), "auth": {"mode": mode}})

    return build


def credentials(settings, seen=None):
    observer = (lambda _: None) if seen is None else seen.append
    return Credentials(settings, observer, SystemIds(), SystemClock())


async def test_where_nobody_has_to_authenticate_nothing_is_opened(made, tmp_path):
    given = credentials(made(mode="off"))
    await given.open()
    assert await given.access.principal(None) is ANYBODY
    await given.close()
    assert [path.name for path in tmp_path.iterdir()] == ["persistence.toml"]


async def test_a_key_lets_in_and_another_text_does_not(made):
    given = credentials(made())
    await given.open()
    key, text = await given.keys.create("ci", ["read"], by="test")
    assert (await given.access.principal(str(text))).name == f"key:{key.key_id}"
    for wrong in (None, "", "token", str(text)[:-1]):
        with pytest.raises(Unauthenticated):
            await given.access.principal(wrong)
    await given.close()


async def test_a_server_that_is_away_at_the_start_is_said_and_found_later(made):
    pytest.importorskip("asyncpg")
    seen = []
    given = credentials(made(AWAY), seen)
    await given.open()
    assert [type(each) for each in seen] == [BackendAbsent]
    assert "hush-9f2c" not in str(seen)
    await given.close()


async def test_a_folder_that_cannot_be_used_ends_the_start(made):
    given = credentials(made(SQLITE.format(path="/proc/none/keys.db")))
    with pytest.raises((StartFailure, DataFolderUnusable)):
        await given.open()
    await given.close()


async def test_a_reload_reaches_the_keys_by_the_settings_of_now(made, tmp_path):
    given = credentials(made(SQLITE.format(path=tmp_path / "one.db")))
    await given.open()
    await given.keys.create("one", ["read"], by="test")
    await given.turn(made(SQLITE.format(path=tmp_path / "two.db")))
    assert await given.keys.all() == []
    await given.turn(made(SQLITE.format(path=tmp_path / "one.db")))
    assert [key.name for key in await given.keys.all()] == ["one"]
    await given.close()


async def test_a_reload_that_leaves_the_backend_alone_leaves_the_keys_open(made, tmp_path):
    given = credentials(made(SQLITE.format(path=tmp_path / "one.db")))
    await given.open()
    before = given._store._backend
    await given.turn(made(SQLITE.format(path=tmp_path / "one.db") + "[log]\nlevel = 'error'\n"))
    assert given._store._backend is before
    await given.close()


async def test_a_backend_that_tells_its_collections_apart_keeps_keys_too(made):
    pytest.importorskip("redis")
    seen = []
    url = "redis://127.0.0.1:9/0"
    given = credentials(made(f'[backends.main]\ntype = "redis"\nurl = "{url}"\nlive_seconds = {{ logs = 60 }}\n'), seen)
    await given.open()
    assert [type(each) for each in seen] == [BackendAbsent]
    await given.close()


def test_keys_need_few_sessions_of_a_database(made):
    pytest.importorskip("asyncpg")
    lean = build_keys_backend(made(AWAY + "pool_min = 3\npool_max = 5\n"), "main")
    limits = lean._pool._limits
    assert (limits.ready, limits.most) == (1, 5)
