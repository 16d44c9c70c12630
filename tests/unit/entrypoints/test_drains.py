"""Which collection is drained where."""

from __future__ import annotations

import msgspec
import pytest

from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.model.translation import SESSIONS, TASKS
from domain.services.lane import Lane
from domain.services.remote_lane import RemoteLane
from entrypoints.backend_types import BUILT_IN_TYPES
from entrypoints.container import Container
from entrypoints.sections import CollectionSettings, ConfiguredBackend, LogSettings
from entrypoints.settings import Settings

PROCESS = ConfiguredBackend("sqlite", msgspec.structs.replace(SQLITE, drain="process"), SqliteSettings(path="/a"))
INLINE = ConfiguredBackend("sqlite", SQLITE, SqliteSettings(path="/b"))
MIXED = Settings(
    data_dir="/nowhere",
    backends={"main": INLINE, "server": PROCESS},
    collections={TASKS.name: CollectionSettings(backend="server")},
)


@pytest.fixture
def drains():
    return Container(settings=MIXED).drains()


def test_a_backend_says_by_its_type_who_drains_into_it(drains):
    sessions, tasks, *_ = drains.chosen()
    assert (type(sessions), sessions.collection) == (Lane, SESSIONS)
    assert (type(tasks), tasks.collection) == (RemoteLane, TASKS)


def test_what_a_change_leaves_as_it_was_is_drained_by_the_same_as_before(drains):
    before = drains.chosen()
    assert drains.chosen() == before
    assert drains.chosen(msgspec.structs.replace(MIXED, log=LogSettings(level="debug"))) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"backends": {"main": INLINE, "server": msgspec.structs.replace(PROCESS, settings=SqliteSettings(path="/c"))}},
        {"collections": {name: CollectionSettings(backend="server") for name in (SESSIONS.name, TASKS.name)}},
    ],
    ids=["settings", "routes"],
)
def test_another_worker_takes_over_when_its_settings_or_its_lanes_change(drains, changed):
    tasks = drains.chosen()[1]
    after = drains.chosen(msgspec.structs.replace(MIXED, **changed))
    assert isinstance(after[1], RemoteLane)
    assert after[1] is not tasks
    assert after[1]._worker is not tasks._worker


def test_a_lane_of_this_process_stays_the_same_wherever_its_collection_wanders(drains):
    sessions = drains.chosen()[0]
    drains.chosen(msgspec.structs.replace(MIXED, collections={SESSIONS.name: CollectionSettings(backend="server")}))
    assert drains.chosen()[0] is sessions


def test_database_servers_are_drained_by_the_worker_and_embedded_backends_here():
    drained = {name: kind.drain for name, kind in BUILT_IN_TYPES.items()}
    embedded = {name: drained.pop(name) for name in ("sqlite", "memory")}
    assert set(embedded.values()) == {"inline"}
    assert drained
    assert set(drained.values()) == {"process"}
