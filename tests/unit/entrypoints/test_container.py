"""The composition root."""

import pytest
from dependency_injector import providers
from dependency_injector.errors import Error

from adapters.memory.backend import MemoryBackend
from adapters.sqlite.backend import SqliteBackend
from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from entrypoints.container import Container
from entrypoints.settings import load_settings

MIXED = {
    "backends": {"main": {"type": "sqlite"}, "trial": {"type": "memory"}, "idle": {"type": "memory"}},
    "collections": {"translation_tasks": {"backend": "trial", "on_failure": "discard"}},
}


@pytest.fixture
def container(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Container(settings=load_settings(environ={}, flags=MIXED))


def test_every_part_can_be_built_without_touching_the_disk(container, tmp_path):
    for name, provider in Container.providers.items():
        assert getattr(container, name)() is not None, provider
    assert list(tmp_path.iterdir()) == []


def test_every_part_is_built_once(container):
    for name, provider in Container.providers.items():
        if isinstance(provider, providers.Singleton):
            assert getattr(container, name)() is getattr(container, name)(), name
    assert container.services().buffer is container.buffer()
    assert container.services().flush is container.flush()


def test_two_containers_share_nothing(container):
    other = Container(settings=load_settings(environ={}, flags=MIXED))
    assert other.buffer() is not container.buffer()
    assert other.metrics().registry is not container.metrics().registry


def test_settings_are_needed():
    with pytest.raises(Error):
        Container().buffer()


def test_backends_that_no_collection_is_kept_in_are_left_out(container):
    backends = container.backends().adapters
    assert {name: type(backend) for name, backend in backends.items()} == {
        "main": SqliteBackend,
        "trial": MemoryBackend,
    }
    assert container.registry().routes == {
        SESSIONS.name: "main",
        TASKS.name: "trial",
        FILES.name: "main",
        USERS.name: "main",
        LOGS.name: "main",
    }


def test_each_drain_has_its_own_policy(container):
    policies = {lane.collection.name: lane._parts.policy.on_failure for lane in container.lanes()}
    assert policies.pop(TASKS.name) == "discard"
    assert policies == dict.fromkeys((SESSIONS.name, FILES.name, USERS.name, LOGS.name), "dead_letter")


def test_the_door_is_built_as_configured(tmp_path):
    flags = {"data_dir": str(tmp_path), "server": {"port": 1234, "host": "::1"}}
    container = Container(settings=load_settings(environ={}, flags=flags))
    assert container.server().url == "http://[::1]:1234"
    assert container.services().about.data_dir == str(tmp_path)
