"""Servers in containers: whether one can be had here, and one that is killed, paused and started again.

The images are those that ``ops/images.env`` names, and ``make images`` brings them; a test never waits for a download.
Where an image or the Docker engine is missing, what needs it is skipped with the reason, or fails where
``PERSISTENCE_REQUIRE_CONTAINERS=1`` demands containers, except for an image that ``make images`` tried to make in vain.
"""

from __future__ import annotations

import gc
import os
import random
import re
import socket
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Self

import docker
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer, ExecConfig

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
PORTS = range(20000, 30000)  # none that a system gives to outgoing connections: they could take one between two starts
READY_SECONDS = 120.0  # a server that recovers from a kill on a busy machine
OWNER = "persistence.tests"  # the label that says whose a container is
OURS = f"{socket.gethostname()}:{os.getpid()}"

testcontainers_config.ryuk_disabled = True  # its image may be out of reach; `remove_abandoned` does its work


def image_of(name: str) -> str:
    """The image of a server such as ``mariadb``."""
    variable = f"PERSISTENCE_IMAGE_{name.upper()}"
    named = dict(re.findall(r"(?m)^(PERSISTENCE_IMAGE_\w+)=(\S+)", (ROOT / "ops" / "images.env").read_text()))
    return os.environ.get(variable) or named[variable]


def demand(name: str) -> None:
    """Go on where a server can be started; else skip or fail the test, with the reason."""
    reason = engine_fault() or image_fault(name)
    if reason is None:
        return
    tried_in_vain = engine_fault() is None and report_of(name).exists()
    if os.environ.get("PERSISTENCE_REQUIRE_CONTAINERS") == "1" and not tried_in_vain:
        pytest.fail(f"{name} is required: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


def report_of(name: str) -> Path:
    """Where ``make images`` says why it could not make an image."""
    return ROOT / "build" / "images" / f"{name}.failed"


@cache
def engine_fault() -> str | None:
    """Why no container can be started here, if so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client forgets its socket where nobody listens
        try:
            with closing(docker.from_env(timeout=10)) as engine:
                remove_abandoned(engine)
        except DockerException as error:
            return f"no Docker engine answers (`ops/docker.sh start` begins one): {error}"
        finally:
            gc.collect()
    return None


def image_fault(name: str) -> str | None:
    """Why the image of a server cannot be used here, if so."""
    with closing(docker.from_env(timeout=10)) as engine:
        try:
            engine.images.get(image_of(name))
        except ImageNotFound:
            report = report_of(name)
            told = f"could not be made: {report.read_text().strip()}" if report.exists() else "`make images` brings it"
            return f"the image {image_of(name)} is not here: {told}"
    return None


def remove_abandoned(engine: docker.DockerClient) -> None:
    """Remove the containers of test runs that were killed before they could do so."""
    for container in engine.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True):
        host, _, process = container.labels[OWNER].rpartition(":")
        if host == socket.gethostname() and not Path("/proc", process).exists():
            try:
                container.remove(force=True, v=True)
            except (NotFound, APIError):
                continue  # another run is at it


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise RuntimeError(f"all ports from {PORTS.start} to {PORTS.stop} are taken")


class Container:
    """A server in a container: at the same address, and with the same data, however often it is killed and started.

    A subclass says with ``probe`` how to find out whether it serves. Used as a context, it is removed at the end.
    """

    host = HOST
    ready_seconds = READY_SECONDS

    def __init__(
        self,
        name: str,
        port: int,
        *,
        command: Sequence[str] = (),
        environment: Mapping[str, str] = {},
        files: Mapping[str, bytes] = {},
    ) -> None:
        demand(name)
        self.name = name
        self.port = free_port()
        self._docker = DockerContainer(image_of(name), env=dict(environment), labels={OWNER: OURS})
        self._docker.with_command(list(command))
        self._docker.ports[f"{port}/tcp"] = (HOST, self.port)
        for path, content in files.items():
            self._docker.with_copy_into_container(content, path)

    def __enter__(self) -> Self:
        try:
            self._docker.start()
            self._wait_until_ready()
        except BaseException:
            self._docker.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._docker.stop()

    def probe(self) -> None:
        """Ask the server something over the network; raise ``RuntimeError`` when it does not answer."""

    @property
    def state(self) -> str:
        """``running``, ``paused`` or ``exited``."""
        self._docker.reload()
        return self._docker.status

    def kill(self) -> None:
        """End the server at once, by SIGKILL; what it had not synced may be lost."""
        self.unpause()
        self._docker.get_wrapped_container().kill("SIGKILL")
        self._docker.wait()

    def start(self) -> None:
        """Bring the server back, whatever was done to it, and wait until it serves."""
        self.unpause()
        if self.state != "running":
            self._docker.get_wrapped_container().start()
        self._wait_until_ready()

    def pause(self) -> None:
        """Freeze the server: its connections stay open and nothing answers."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self._docker.get_wrapped_container().pause()
            except APIError as error:  # a busy machine may fail to freeze all processes at once
                if "unable to freeze" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def unpause(self) -> None:
        """Let a frozen server go on; nothing where it is not frozen."""
        if self.state == "paused":
            self._docker.get_wrapped_container().unpause()

    def run(self, *command: str, environment: Mapping[str, str] = {}) -> str:
        """What a command inside the container printed; raises ``RuntimeError`` with its words when it fails."""
        try:
            result = self._docker.exec(ExecConfig(list(command), environment=dict(environment)))
        except APIError as error:
            raise RuntimeError(f"{self.name}: {error.explanation}") from error
        if result.exit_code != 0:
            raise RuntimeError(f"{self.name}: {command[0]}: {result.output.decode(errors='replace').strip()}")
        return result.output.decode().strip()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.ready_seconds
        while True:
            try:
                return self.probe()
            except RuntimeError as error:
                if time.monotonic() > deadline or self.state != "running":
                    logs = self._docker.get_wrapped_container().logs(tail=20).decode(errors="replace")
                    raise RuntimeError(f"{self.name} did not come up: {error}\n{logs}") from error
            time.sleep(0.1)
