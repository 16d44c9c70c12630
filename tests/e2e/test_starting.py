"""What keeps the service from starting is said in one sentence, with the exit code for a wrong configuration."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.service import Service, command, environment

pytestmark = pytest.mark.slow

EX_CONFIG = 78


def test_a_data_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    folder = tmp_path / "file" / "data"
    expect_refusal(tmp_path, ["--data-dir", str(folder)], f"{folder} cannot be written: Not a directory.")


def test_a_data_folder_on_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    expect_refusal(tmp_path, ["--data-dir", "/proc/nowhere"], "/proc/nowhere cannot be written")


async def test_a_data_folder_that_is_served_already_is_refused_and_its_service_goes_on(
    service: Service, tmp_path: Path
) -> None:
    await service.start()
    holder = f"{service.data_dir} is served by another process ({service.process.pid})."
    expect_refusal(tmp_path, ["--data-dir", str(service.data_dir), "--port", "0"], holder)
    await service.ready()


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        expect_refusal(tmp_path, ["--port", port], port)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[server]\nprot = 1", "server.prot"),
        ("[server]\nport = 70000", "server.port"),
        ("[server", "persistence.toml"),
        ('[backends.main]\ntype = "oracle"', "backends.main.type"),
        ('[collections.nothing]\nbackend = "main"', "collections.nothing"),
        ('[server]\nhost = "0.0.0.0"', "server.host"),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_name_of_its_key(tmp_path: Path, toml: str, named: str) -> None:
    (tmp_path / "persistence.toml").write_text(toml)
    expect_refusal(tmp_path, [], named)


def expect_refusal(folder: Path, arguments: list[str], sentence: str) -> None:
    """``persistence serve`` ends with 78 and one line that says why."""
    ended = subprocess.run(
        command("serve", *arguments), cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
    )
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == EX_CONFIG, ended.stderr
    assert len(lines) == 1, ended.stderr
    assert sentence in lines[0]
