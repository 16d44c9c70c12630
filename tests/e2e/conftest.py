"""One service in a folder of its own, and a client of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.examples import EXAMPLES, run
from tests.e2e.service import Service, command, environment
from tests.e2e.stores import settings_of
from tests.servers import Database


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Database]]:
    """A function (server's name) -> an empty database on it."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(request.getfixturevalue(name).database())


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Environment of a service on the backend of a test's parameter; the embedded default where it has none."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield {}
        return
    with request.getfixturevalue(kind).database() as database:
        settings = settings_of(kind, database)
        migrated = subprocess.run(
            command("migrate"), cwd=tmp_path, env=environment(settings), capture_output=True, text=True
        )
        assert migrated.returncode == 0, migrated.stderr
        yield settings


@pytest.fixture
def service(tmp_path: Path, store: Mapping[str, str]) -> Iterator[Service]:
    """Not started yet; ended when the test is, whatever happens."""
    service = Service(tmp_path, settings=store)
    yield service
    service.kill()


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    """A client of the service, whichever process serves it."""
    async with Api(service.url) as api:
        yield api


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example of a backend in a package, installed without a network."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", site]
    ended = run(*pip, "--no-index", "--no-deps", "--no-build-isolation", EXAMPLES / "backend_package")
    assert ended.returncode == 0, ended.stderr
    return site
