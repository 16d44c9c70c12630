"""Console blocks of a document: their commands, typed again, and what was recorded compared with what comes.

``make readme`` runs this module: it records anew whatever differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.architecture.markdown import fences
from tests.e2e.service import REPOSITORY, Service, environment

ADDRESS = "127.0.0.1:8080"  # what a document says; a trial has an address of its own
FOLDER = "/srv/persistence"  # likewise, of the clone
WIDTH = 104  # of recorded JSON: what code hosts show without a scroll bar
_SECONDS = 120

# What differs from run to run, by its name in a JSON answer: both the record and the answer must look like this.
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
VOLATILE = {
    "created_at": _TIME,
    "updated_at": _TIME,
    "restored_at": _TIME,
    "receipt": re.compile(r"\d+\.translation_(?:sessions|tasks)\.\d+\.\d+-\d+"),
    "revision": re.compile(r"\d{15,19}"),
    "request_id": re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "trace_id": re.compile(r"[0-9a-f]{32}"),
    "next_cursor": re.compile(r"[\w-]{20,}"),
}
# And in text: what is replaced by what, before the two are compared.
REPLACED = (
    (re.compile(r" {2,}"), "  "),  # columns are as wide as what is in them
    (re.compile(r"(?<=http://127\.0\.0\.1:)(?!8080)\d+"), "<port>"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "<time> s"),
    (re.compile(r"\([\d,]+ records/s\)"), "(<rate> records/s)"),
    (re.compile(r"\b[a-z2-7]{16}\b"), "<key>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d(?::\d\d)?\b"), "<time>"),
    (re.compile(r"^\d\d:\d\d:\d\d (?=administrator_acted )", re.M), "<time> "),
    (re.compile(r'(?<= actor=").+(?=, by command"$)', re.M), "<user>"),
    # A demonstration is killed at a moment of its own. That it keeps what it promises is compared: both are one number.
    (
        re.compile(r"\d+ acknowledged, \d+ in \d+ open requests?, \d+ not sent"),
        "<count> acknowledged, <count> in <count> open requests, <count> not sent",
    ),
    (re.compile(r"\(\d+ not sent, \d+ open\)"), "(<count> not sent, <count> open)"),
    (re.compile(r"\d+(?= of 89 tasks completed, )|(?<=completed, )\d+(?= given back)"), "<count>"),
    (re.compile(r"^((?:what was ack|a request with|a restore br).* )(\d+)  \2$", re.M), r"\1<count>  <count>"),
)


class Command(NamedTuple):
    """One command of a document, the line it stands at, and what is recorded below it."""

    line: int
    text: str
    output: str


class Answer(NamedTuple):
    """What a command said, on both channels, and its exit code."""

    output: str
    code: int


def commands(document: str) -> Iterator[Command]:
    """What a document tells its reader to type, in order."""
    for fence in fences(document):
        if fence.language == "console":
            yield from _commands_of(fence.text.splitlines(), fence.line)


def _commands_of(lines: list[str], first: int) -> Iterator[Command]:
    starts = [number for number, line in enumerate(lines) if _is_typed(line)]
    if starts[:1] != [0]:
        raise ValueError(f"line {first}: a console block begins with a command")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        typed = start + 1
        while not _is_whole("\n".join(lines[start:typed])):
            typed += 1
        text = "\n".join(lines[start:typed]).removeprefix("$ ")
        yield Command(first + start, text, "\n".join(lines[typed:end]).strip("\n"))


def _is_typed(line: str) -> bool:
    # The demonstration prints a command too; a reader types the path of the virtual environment before it.
    return line.startswith("$ ") and not line.startswith("$ persistence ")


def _is_whole(text: str) -> bool:
    """Whether a shell would not ask for another line."""
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text)
    except ValueError:  # an open quote
        return False
    return True


class Shell:
    """Commands typed one after another in a folder that looks like a clone, while one service runs."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir()
        for name, target in (("ops", REPOSITORY / "ops"), ("tests", REPOSITORY / "tests"), (".venv", sys.prefix)):
            (folder / name).symlink_to(target)
        self._folder = folder
        self._address = f"127.0.0.1:{port}"
        terminal = {"COLUMNS": "120", "PERSISTENCE__LOG__FORMAT": "console"}  # which a reader has
        self._environment = environment({"PERSISTENCE__SERVER__PORT": str(port)} | terminal)
        self._code = 0

    def type(self, text: str) -> Answer:
        """Run one command; ``$?`` in it is the exit code of the one before."""
        text = re.sub(r"^make\b", f"make --dry-run --directory {shlex.quote(str(REPOSITORY))}", text)
        ended = subprocess.run(
            ["bash", "-c", f"(exit {self._code}); {text.replace(ADDRESS, self._address)}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self._code = ended.returncode
        said = "" if text.startswith("make ") else ended.stdout.replace(self._address, ADDRESS)
        said = said.replace(str(self._folder), FOLDER).strip("\n")
        return Answer(said, ended.returncode)


def difference(recorded: str, said: str) -> str:
    """How an output differs from its record in more than what may differ; empty where it does not."""
    if recorded.startswith("{") and said.startswith("{"):
        try:
            return _json_difference(json.loads(recorded), json.loads(said), "")
        except ValueError as error:
            return f"not JSON: {error}"
    expected, found = _settled(recorded), _settled(said)
    return "" if expected == found else f"recorded:\n{expected}\nsaid:\n{found}"


def _settled(text: str) -> str:
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _json_difference(recorded: Any, said: Any, place: str) -> str:
    if isinstance(recorded, dict) and isinstance(said, dict):
        if [*recorded] != [*said]:
            return f"{place or '/'}: recorded the keys {[*recorded]}, said {[*said]}"
        pairs = [(recorded[key], said[key], f"{place}/{key}") for key in recorded]
        return next(filter(None, (_json_difference(*pair) for pair in pairs)), "")
    if isinstance(recorded, list) and isinstance(said, list) and len(recorded) == len(said):
        items = enumerate(zip(recorded, said, strict=True))
        return next(filter(None, (_json_difference(*pair, f"{place}/{index}") for index, pair in items)), "")
    pattern = VOLATILE.get(place.rpartition("/")[2])
    if pattern and all(isinstance(value, str) and pattern.fullmatch(value) for value in (recorded, said)):
        return ""
    return "" if type(recorded) is type(said) and recorded == said else f"{place}: recorded {recorded!r}, said {said!r}"


def shown(output: str) -> str:
    """An output as a document shows it: JSON, which comes in one line, is broken between its values."""
    if not output.startswith("{"):
        return output
    items = json.dumps(json.loads(output), ensure_ascii=False, indent=0)
    items = re.sub(r"(?<=[{[])\n|\n(?=[}\]])", "", items)  # a bracket stays with what it holds
    lines = [""]
    for item in items.splitlines():
        if len(lines[-1]) + len(item) >= WIDTH:
            lines.append("")
        lines[-1] += f" {item}"
    return "\n".join(lines)[1:]


async def typed(document: str) -> list[tuple[Command, str]]:
    """Every command of a document, and what it says now."""
    with TemporaryDirectory() as folder:
        async with Service(Path(folder)) as service:
            shell = Shell(Path(folder) / "clone", service.port)
            return [(command, shell.type(command.text).output) for command in commands(document)]


def record(path: Path) -> int:
    """Write what the commands of a document say now, wherever it differs; returns how often it did."""
    document = path.read_text(encoding="utf-8")
    differing = [(command, said) for command, said in asyncio.run(typed(document)) if difference(command.output, said)]
    for command, said in differing:
        before = f"$ {command.text}\n"
        recorded = f"{command.output}\n" if command.output else ""
        document = document.replace(before + recorded, f"{before}{shown(said)}\n", 1)
    path.write_text(document, encoding="utf-8")
    return len(differing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record anew what the commands of documents say.")
    parser.add_argument("document", nargs="+", type=Path)
    for path in parser.parse_args().document:
        print(f"{path}: {record(path)} outputs recorded anew")
