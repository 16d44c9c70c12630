"""Help teaches: one example for each command, nothing wider than a terminal; shells complete."""

import re
import subprocess
import sys

import click
import pytest

from entrypoints.cli.app import cli, run
from entrypoints.cli.failures import Exit
from entrypoints.cli.sections import SECTIONS


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command.name == name
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [*commands()], ids=" ".join)
def test_each_command_teaches_by_an_example(path, capsys):
    assert run([*path, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    example = shown.partition("Example: ")[2].splitlines()[0]
    assert f"persistence {' '.join(path)}" in example
    assert "  Exit:    " in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_commands_stand_under_what_they_are_for(capsys):
    run(["--help"])
    shown = capsys.readouterr().out
    titles = re.findall(r"^([A-Z][A-Za-z ]+):$", shown, re.MULTILINE)
    assert titles == ["Options", *SECTIONS]
    assert all(len(line) <= 80 and re.match(r"  [a-z-]+ +[A-Z].*\.$", line) for line in listed(shown))
    assert shown.index("\n  demo ") < shown.index("\n  import ") < shown.index("\n  get ") < shown.index("\n  config ")


def listed(shown):
    lines = shown.partition("Run:")[2].partition("  Begin with")[0].splitlines()
    return [line for line in lines if line.startswith("  ")]


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"asyncio", "aiohttp", "rich", "sqlite3", "entrypoints.settings"}),
        (["version"], {"asyncio", "aiohttp", "rich", "sqlite3", "entrypoints.settings"}),
        (["query", "--help"], {"aiohttp", "rich", "sqlite3"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_is_loaded_that_is_not_used(arguments, unwanted):
    code = f"import sys; from entrypoints.cli.app import run; run({arguments}); print(*({unwanted} & {{*sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines()[-1] == ""


def test_a_command_that_is_none_is_answered_with_those_that_may_be_meant(capsys):
    assert run(["sevre"]) == Exit.USAGE
    assert "No such command 'sevre'. Did you mean 'serve'?" in capsys.readouterr().err


def test_every_exit_code_is_explained(capsys):
    run(["--help"])
    words = capsys.readouterr().out.partition("Exit codes:")[2].split()
    assert {str(int(code)) for code in Exit} <= set(words)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell, capsys):
    assert run(["completion", shell]) == Exit.OK
    assert "_PERSISTENCE_COMPLETE" in capsys.readouterr().out


def test_an_unknown_shell_is_refused(capsys):
    assert run(["completion", "dos"]) == Exit.USAGE
    assert "'dos'" in capsys.readouterr().err
