"""The files that a build trusts."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from entrypoints.version import VERSION
from tests.architecture.house import ROOT

LOCKS = [ROOT / "ops" / f"requirements{group}.lock" for group in ("", "-drivers", "-dev", "-bench")]


def pins(lock):
    return dict(re.findall(r"(?m)^([a-z0-9.-]+)==(\S+)", lock.read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_hashes_and_no_hosts(lock):
    text = lock.read_text()
    assert not re.search(r"(?m)://|^\s*--(?!hash=)|^-", text)
    requirements = re.split(r"(?m)^(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text))[1:]
    assert len(requirements) > 15
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==\S+ \\\n", requirement), requirement
        assert "--hash=sha256:" in requirement


def test_development_and_benchmarks_run_on_what_is_shipped():
    runtime, drivers, develop, bench = (pins(lock).items() for lock in LOCKS)
    assert runtime < drivers < develop < bench, "`make lock` brings them together again"


def test_a_lock_is_whole_on_the_oldest_python():
    pinned, oldest = pins(LOCKS[2]), {"python_version": "3.11", "python_full_version": "3.11.0", "extra": ""}
    needed = {
        canonicalize_name(requirement.name)
        for name in pinned
        for requirement in map(Requirement, metadata.requires(name) or ())
        if requirement.marker is None or requirement.marker.evaluate(oldest)
    }
    assert needed - pinned.keys() == set()


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("ensurepip", "Python's venv module is missing: on Debian and Ubuntu, 'apt-get install python3-venv'"),
        ("version_info", "is too old: name Python 3.11 or newer with 'make"),
    ],
)
def test_an_unfit_python_is_refused_with_the_cure(tmp_path, missing, sentence):
    (tmp_path / "ops").mkdir()
    for name in ("install.sh", "requirements.lock"):
        shutil.copy(ROOT / "ops" / name, tmp_path / "ops" / name)
    unfit = tmp_path / "python"
    unfit.write_text(f'#!/bin/sh\ncase "$*" in *{missing}*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    unfit.chmod(0o755)
    said = install(tmp_path, unfit)
    assert said.returncode == 78
    assert sentence in said.stderr
    assert not (tmp_path / ".venv").exists()
    said = install(tmp_path, "no-such-python")
    assert said.returncode == 78
    assert "no-such-python is missing: install Python 3.11 or newer" in said.stderr


def install(folder, python):
    script, environment = folder / "ops" / "install.sh", {**os.environ, "PYTHON": str(python)}
    return subprocess.run([script, "runtime"], env=environment, capture_output=True, text=True, check=False)


def test_make_alone_explains_every_target():
    make = shutil.which("make")
    assert make, "make is needed to build, and to test"
    shown = subprocess.run([make, "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = re.findall(r"make ([a-z0-9-]+) +\S", shown)
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"(?m)^\.PHONY: (.*)$", text)).split()
    assert set(phony) - {"develop"} == set(explained)


def test_cleaning_leaves_the_data_alone(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    keep = tmp_path / "data" / "__pycache__" / "journal"
    keep.parent.mkdir(parents=True)
    keep.write_text("records")
    (tmp_path / "domain" / "__pycache__").mkdir(parents=True)
    (tmp_path / ".venv").mkdir()
    subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)
    assert keep.read_text() == "records"
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "data", "domain"}
    assert not (tmp_path / "domain" / "__pycache__").exists()


def test_the_release_is_numbered_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_a_driver_that_one_backend_needs_is_no_burden_for_the_others():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = pins(LOCKS[0])
    for extra in ("mysql", "postgres", "redis", "s3", "opensearch"):
        for requirement in project["optional-dependencies"][extra]:
            assert re.match(r"[a-z0-9-]+", requirement)[0] not in runtime
