"""Help teaches: one example for each command, nothing wider than a terminal; shells complete."""

import click
import pytest

from entrypoints.cli.app import cli, run
from entrypoints.cli.failures import Exit


def commands(group=cli, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", [*commands()], ids=" ".join)
def test_each_command_teaches_by_an_example(path, capsys):
    assert run([*path, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    example = shown.partition("Example: ")[2].splitlines()[0]
    assert f"persistence {' '.join(path)}" in example
    assert [line for line in shown.splitlines() if len(line) > 80] == []


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
