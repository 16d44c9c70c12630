"""The benchmarks run, on sizes that say nothing; no figure that depends on time is asserted."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks import bodies, load, servers
from tests.benchmarks.__main__ import NEEDED
from tests.benchmarks.plan import CONNECTIONS, QUICK
from tests.benchmarks.results import Results
from tests.e2e.service import REPOSITORY

missing = [name for name in NEEDED if find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing), reason="the group `bench` is not installed; `ops/install.sh bench` does"),
]
COMMAND = [sys.executable, "-m", "tests.benchmarks", "--quick", "--output"]


def test_a_run_writes_a_page_and_its_curves(tmp_path):
    subprocess.run([*COMMAND, tmp_path], cwd=REPOSITORY, check=True, capture_output=True, timeout=300)
    pictures = {"latency.png", "throughput.png", "memory.png", "losses.png"}
    assert {file.name for file in tmp_path.iterdir()} == {"benchmarks.md", "measurements.json", *pictures}
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    text = (tmp_path / "benchmarks.md").read_text()
    assert set(re.findall(r"\]\((.*?)\)", text)) == pictures
    for secret in (str(REPOSITORY), str(tmp_path), str(Path.home()), socket.gethostname()):
        assert secret not in text
    found = msgspec.json.decode((tmp_path / "measurements.json").read_bytes(), type=Results)
    assert {run.point for run in found.runs} == set(QUICK.points)
    assert not any(run.refused for run in found.runs)
    assert any(look.is_full for look in found.footprints if look.server == servers.SERVICE.name)
    assert [kill.lost for kill in found.kills if kill.server == servers.SERVICE.name] == [0]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(tmp_path, by):
    child = subprocess.Popen(
        [*COMMAND, tmp_path, "--only", "memory"], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".scratch-*/memory/*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(by)
    _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (130, "Interrupted; nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_the_peer_stores_what_it_acknowledged_as_long_as_it_lives(tmp_path):
    texts = bodies.batches(30, "p")
    with servers.running(servers.PEER, tmp_path) as server:
        seen = asyncio.run(load.run(server.port, servers.PATH, texts, CONNECTIONS))
        server.settle()
        refused = asyncio.run(load.run(server.port, servers.PATH, [b'{"tasks": [{"task_id": "t"}]}'], 1))
    assert (len(seen.acknowledged), refused.refused) == (30, 1)
    sent = {task["task_id"]: task for text in texts for task in msgspec.json.decode(text)["tasks"]}
    with servers.opened(tmp_path / servers.PEER.database) as database:
        cursor = database.execute(f"SELECT * FROM {servers.TABLE}")
        rows = [dict(zip([name for name, *_ in cursor.description], row, strict=True)) for row in cursor]
    assert {row["task_id"]: as_sent(row) for row in rows} == {key: as_sent(task) for key, task in sent.items()}


def as_sent(task):
    """Everything but what the peer adds as a default."""
    metadata = task["metadata"]
    moments = {name: datetime.fromisoformat(task[name]) for name in ("created_at", "updated_at")}
    told = {name: value for name, value in task.items() if value is not None}
    return told | moments | {"metadata": msgspec.json.decode(metadata) if isinstance(metadata, str) else metadata}
