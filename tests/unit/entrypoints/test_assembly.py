"""Parts that take more than their constructor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from domain.errors import StartFailure
from entrypoints.assembly import build_tracing
from entrypoints.settings import load_settings
from tests.e2e.service import REPOSITORY, environment

TRACED = {"PERSISTENCE__TRACING__ENDPOINT": "http://127.0.0.1:9"}
BUILDS = """
import sys
from entrypoints.container import Container
from entrypoints.settings import load_settings
container = Container(settings=load_settings())
container.server(), container.observer()
print(sorted({"opentelemetry", "requests"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("settings", "loaded"), [({}, "[]"), (TRACED, "['opentelemetry', 'requests']")])
def test_the_library_that_traces_is_loaded_where_something_is_traced(settings, loaded, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", BUILDS],
        cwd=tmp_path,
        env=environment(settings),
        capture_output=True,
        text=True,
    )
    assert (ended.stdout.strip(), ended.stderr) == (loaded, ""), REPOSITORY


def test_a_missing_library_ends_the_start_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "adapters.tracing.collector", None)
    with pytest.raises(StartFailure, match=r"make install DRIVERS=yes .*persistence-service\[tracing\]"):
        build_tracing(load_settings(environ=TRACED), lambda _: None, None)
