"""What the README tells its reader to type is typed, in both languages, and answers as it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.architecture.markdown import fences
from tests.e2e.recorded import Shell, commands, difference
from tests.e2e.service import READY_SECONDS, REPOSITORY, Service, command, environment, free_port

READMES = ("README.md", "README.zh-CN.md")
needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not installed: it is what the README uses"
)


@pytest.fixture(params=READMES)
def document(request: pytest.FixtureRequest) -> str:
    return (REPOSITORY / request.param).read_text(encoding="utf-8")


@needs_curl
@pytest.mark.slow
async def test_every_command_answers_as_recorded(document: str, service: Service, tmp_path: Path) -> None:
    await service.start()
    shell = Shell(tmp_path / "clone", service.port)
    typed = [*commands(document)]
    faults = []
    for position, (line, text, recorded) in enumerate(typed):
        answer = shell.type(text)
        # a command that fails is followed by one that shows its exit code
        told = [following.text for following in typed[position + 1 : position + 2]] == ["echo $?"]
        if found := difference(recorded, answer.output) or (answer.code and not told and f"exit code {answer.code}"):
            faults.append(f"line {line}: {text}\n{found}\n{answer.output}")
    assert len(typed) > 12
    assert not faults, "\n\n".join(faults)


def test_a_changed_word_of_a_record_is_noticed(document: str) -> None:
    # No run is needed to know that the comparison can fail: any record differs from itself with one word changed,
    # unless that word is one of the declared few that differ from run to run. All of those have a digit.
    overlooked, words = [], 0
    for typed in commands(document):
        for word in re.finditer(r"\w+", typed.output):
            words += 1
            changed = f"{typed.output[: word.start()]}{word[0]}x{typed.output[word.end() :]}"
            if not difference(changed, typed.output):
                overlooked.append(word[0])
    assert words > 500
    assert [word for word in overlooked if not re.search(r"\d", word)] == []
    assert len(overlooked) < words / 8


def test_a_changed_answer_is_noticed() -> None:
    recorded = '{"a": [1, {"b": null}], "created_at": "2026-11-24T10:49:41.236675Z"}'
    assert not difference(recorded, recorded.replace("41.236675", "42.000001"))
    for part, other in (("1,", '"1",'), ("null", "0"), ('"a"', '"c"'), ("1, ", ""), ("Z", ""), ("24T", "24 ")):
        assert difference(recorded, recorded.replace(part, other, 1)), part


def test_every_block_is_one_that_is_tried(document: str) -> None:
    assert {fence.language for fence in fences(document)} <= {"console", "toml", "python"}
    assert {"console", "toml"} <= {fence.language for fence in fences(document)}


@pytest.mark.slow
def test_every_configuration_is_sound(document: str, site: Path, tmp_path: Path) -> None:
    blocks = [fence for fence in fences(document) if fence.language == "toml" and excerpt_of(fence.text) is None]
    assert blocks
    for fence in blocks:
        (tmp_path / "shown.toml").write_text(fence.text, encoding="utf-8")
        ended = subprocess.run(
            command("config", "check", "--config", "shown.toml"),
            cwd=tmp_path,
            env=environment({"PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, site)))}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"line {fence.line}: {ended.stdout}{ended.stderr}"


def test_every_excerpt_stands_in_its_file(document: str) -> None:
    for fence in fences(document):
        if (path := excerpt_of(fence.text)) is not None:
            source = (REPOSITORY / path).read_text(encoding="utf-8")
            assert fence.text.partition("\n")[2].strip() in source, f"line {fence.line}: not in {path}"


def excerpt_of(text: str) -> str | None:
    """The file that a block is cut from: its first line is a comment with nothing but the file's path."""
    found = re.match(r"# ([\w./-]+/[\w./-]+\.\w+)\n", text)
    return found and found[1]


@pytest.mark.slow
def test_the_service_starts_and_stops_as_shown(document: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"`(make run ARGS='[^`]+')`", document)
    port, folder = free_port(), tmp_path / "other"
    typed = shown.replace("9090", str(port)).replace("./other", str(folder))
    assert typed.count(str(port)) == typed.count(str(folder)) == 1
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(typed, shell=True, cwd=REPOSITORY, env=environment(), stdout=log, process_group=0) as started,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", started)
        finally:
            os.killpg(started.pid, signal.SIGINT)  # as Ctrl-C does: to make and to the service
    last = json.loads((tmp_path / "log").read_bytes().splitlines()[-1])
    assert (last["message"], last["meta"]) == ("service_stopped", {"exit_code": 0, "left_in_journal": 0})
    assert {"journal", "persistence.db", "state.db"} <= {path.name for path in folder.iterdir()}


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Ask until the answer is 200; fails where the process ends before."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:  # not listening yet, or not ready
            time.sleep(0.05)
    pytest.fail(f"not ready, exit code {process.poll()}")
