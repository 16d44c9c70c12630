"""``persistence files`` against a running service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.service import Service, command, environment

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
async def files(service: Service, tmp_path: Path):
    """A function (words) -> the ended command; files lie where it runs."""
    await service.start()
    (tmp_path / "photo.png").write_bytes(CONTENT)

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        said = command("files", *words, "--url", service.url)
        return subprocess.run(said, cwd=tmp_path, env=environment(), capture_output=True, timeout=60)

    return run


async def test_a_file_goes_in_and_out_and_is_listed_and_deleted(files, tmp_path: Path) -> None:
    kept = files("put", "photo.png", "--metadata", "place=Köln")
    assert (kept.returncode, kept.stderr[:40]) == (0, b"Kept photo.png: 2,560,000 bytes, SHA-256"), kept.stderr
    known = json.loads(files("show", "photo.png", "--json").stdout)
    assert (known["content_type"], known["metadata"]) == ("image/png", {"place": "Köln"})

    assert files("get", "photo.png").stdout == CONTENT
    assert files("get", "photo.png", "--output", "copy.gz").returncode == 0
    assert (tmp_path / "copy.gz").read_bytes() == CONTENT  # whatever its name says

    again = files("put", "photo.png", "--new")
    assert (again.returncode, b"precondition" in again.stderr or b"Error" in again.stderr) == (1, True)
    assert files("put", "photo.png", "other id", "--type", "text/html", "--json").returncode == 0
    listed = files("list", "content_type=text/html")
    assert listed.stdout.split()[5:8] == [b"other", b"id", b"photo.png"], listed
    assert files("list", "nonsense=1").returncode == 2

    assert files("delete", "photo.png").returncode == 0
    for word in ("get", "show", "delete"):
        assert files(word, "photo.png").returncode == 1
    gone = files("get", "photo.png", "--output", "nothing")
    assert gone.returncode == 1
    assert named(tmp_path, "nothing") == []


async def test_a_name_as_a_mac_writes_it_becomes_an_id_as_all_type_it(files, tmp_path: Path) -> None:
    (tmp_path / "Gru\u0308ße.txt").write_bytes(b"x")
    kept = files("put", "Gru\u0308ße.txt")
    assert kept.returncode == 0, kept.stderr
    assert json.loads(files("show", "Gr\u00fcße.txt", "--json").stdout)["name"] == "Gru\u0308ße.txt"


def named(folder: Path, beginning: str) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(beginning)]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("put", "nowhere.png"), 2),
        (("put", "photo.png", "a/b"), 2),
        (("put", "photo.png", "x", "--type", "nonsense"), 2),
        (("put", "photo.png", "x", "--metadata", "nonsense"), 2),
        (("get", ".."), 2),
        (("get", "nowhere", "--output", "."), 2),
    ],
)
async def test_a_wrong_command_line_is_said(files, words: tuple[str, ...], code: int) -> None:
    ended = files(*words)
    assert ended.returncode == code, ended
    assert ended.stderr.strip()
    assert b"Traceback" not in ended.stderr
