"""What is measured is the service alone, not the tools that are installed beside it."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.benchmarks import servers
from tests.e2e.service import REPOSITORY

IMPORTED = "import sys; begun = {*sys.modules}; import entrypoints.container; print(*{*sys.modules} - begun)"
ALONE = f"import sys; from tests.benchmarks.installed import Absent; sys.meta_path.insert(0, Absent()); {IMPORTED}"


@pytest.mark.slow
def test_no_tool_counts_as_memory_of_the_service(tmp_path):
    with servers.running(servers.SERVICE, tmp_path) as server:
        assert "_yaml" not in Path(f"/proc/{server.pid}/maps").read_text()  # the one that shows in the map of memory


@pytest.mark.slow
def test_the_service_imports_what_its_installation_has():
    assert foreign(IMPORTED) >= {"pyyaml", "werkzeug"}  # a tool that is no longer taken in needs no keeping out
    assert foreign(ALONE) == set()


def foreign(code):
    """The distributions that are imported and that an installation does not have."""
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    packages = {module.partition(".")[0] for module in run.stdout.split()}
    homes = packages_distributions()
    found = {re.sub(r"[-_.]+", "-", home).lower() for package in packages for home in homes.get(package, ())}
    lock = (REPOSITORY / "ops" / "requirements.lock").read_text(encoding="utf-8")
    return found - set(re.findall(r"(?m)^([a-z0-9-]+)==", lock))
