"""A server that cannot be had is skipped with the reason, or fails where it is required; nothing is left running."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import closing

import docker
import pytest
from docker.errors import NotFound

from tests import containers
from tests.servers import Redis

REQUIRED = "PERSISTENCE_REQUIRE_CONTAINERS"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Where nothing is required, and `make images` has said nothing."""
    shutil.copytree(containers.ROOT / "ops" / "images", tmp_path / "ops" / "images")
    shutil.copy(containers.ROOT / "ops" / "images.env", tmp_path / "ops")
    monkeypatch.setattr(containers, "ROOT", tmp_path)
    monkeypatch.delenv(REQUIRED, raising=False)
    containers.engine_fault.cache_clear()
    yield tmp_path
    containers.engine_fault.cache_clear()


@pytest.fixture
def engine(redis):
    """The engine that has started a server already."""
    with closing(docker.from_env(timeout=60)) as engine:
        yield engine


def test_without_an_engine_a_server_is_skipped_or_missed(machine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{machine}/no.sock")
    with pytest.raises(pytest.skip.Exception, match=r"redis: no Docker engine answers \(`ops/docker.sh start` begins"):
        Redis()
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="redis is required: no Docker engine answers"):
        Redis()


def test_without_its_image_a_server_is_skipped_or_missed(engine, machine, monkeypatch):
    monkeypatch.setenv("PERSISTENCE_IMAGE_REDIS", "redis:none")
    with pytest.raises(pytest.skip.Exception, match="redis: the image redis:none is not here: `make images` brings it"):
        Redis()
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="redis is required: the image redis:none is not here"):
        Redis()


def test_an_image_that_was_tried_in_vain_is_skipped_even_where_it_is_required(engine, machine, monkeypatch):
    (machine / "build" / "images").mkdir(parents=True)
    (machine / "build" / "images" / "redis.failed").write_text("E: Unable to locate package redis-server\n")
    monkeypatch.setenv("PERSISTENCE_IMAGE_REDIS", "redis:none")
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(
        pytest.skip.Exception, match=r"redis:none .* could not be made: E: Unable to locate package redis"
    ):
        Redis()


@pytest.mark.slow
def test_an_image_that_cannot_be_made_is_reported_and_the_others_are_made(engine, machine):
    # Docker brings a program's two streams together: now and then apt's complaint stands behind its unended progress.
    complaint = "Unable to locate package no-such-package"
    recipes = {"broken": f"printf 'Reading state information...%s: {complaint}\\n' E && exit 100", "sound": "true"}
    reason = f"E: {complaint}"
    for name, command in recipes.items():
        with (machine / "ops" / "images.env").open("a") as images:
            images.write(f"PERSISTENCE_IMAGE_{name.upper()}=persistence/{name}:none\n")
        (machine / "ops" / "images" / name).mkdir()
        recipe = f"FROM {containers.image_of('redis')}\nRUN {command}\n"
        (machine / "ops" / "images" / name / "Dockerfile").write_text(recipe)
    build, reports = [machine / "ops" / "images" / "build.sh", *recipes], machine / "build" / "images"
    try:
        said = subprocess.run(build, capture_output=True, text=True, check=False)
        assert said.returncode == 1
        assert said.stdout == "persistence/sound:none is there\n"
        assert f"persistence/broken:none cannot be had: {reason} (build/images/broken.log)" in said.stderr
        assert {path.name: path.read_text() for path in reports.glob("*.failed")} == {"broken.failed": f"{reason}\n"}
        again = subprocess.run([build[0], "sound"], capture_output=True, text=True, check=True)
        assert (again.stdout, again.stderr) == ("persistence/sound:none is there\n", "")
    finally:
        engine.images.remove("persistence/sound:none")


def test_containers_of_a_killed_test_run_are_removed_by_the_next(engine, redis):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    owners = {"ended": ended.pid, "running": os.getpid()}
    made = {
        name: engine.containers.create(
            containers.image_of("redis"), labels={containers.OWNER: f"{socket.gethostname()}:{process}"}
        )
        for name, process in owners.items()
    }
    try:
        containers.remove_abandoned(engine)
        with pytest.raises(NotFound):
            made["ended"].reload()
        made["running"].reload()
        assert redis.state == "running"
    finally:
        made["running"].remove(v=True)


def test_a_server_that_does_not_come_up_is_removed_and_says_why(engine, redis):
    ours = {"label": f"{containers.OWNER}={containers.OURS}"}
    before = {container.id for container in engine.containers.list(all=True, filters=ours, ignore_removed=True)}
    with (
        pytest.raises(RuntimeError, match=r"(?s)redis did not come up: .*no-such-option"),
        Redis("--no-such-option", "x"),
    ):
        pass
    after = {container.id for container in engine.containers.list(all=True, filters=ours, ignore_removed=True)}
    assert after <= before
