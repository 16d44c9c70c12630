"""The command line as a whole. Commands import what they need when they run: ``--help`` must not load a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from domain.errors import PersistenceError, StartFailure
from entrypoints.cli.check import check
from entrypoints.cli.completion import completion
from entrypoints.cli.configuration import config
from entrypoints.cli.demo.command import demo
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.operate import buffers, flush, health, stats
from entrypoints.cli.read import get, query, receipts, recovery
from entrypoints.cli.serve import migrate, serve
from entrypoints.cli.transfer import export_records, import_records
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.version import VERSION

_EPILOG = """\b
Begin with:  persistence demo
Each one:    persistence COMMAND --help   has an example and its exit codes
Exit codes:  0  done                     1   not all of it is done
             2  wrong command line       65  done but for refused records
             69 no service answers       70  a disk failed, or a bug
             75 records wait for the     78  cannot start
                next start               130 interrupted"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=_EPILOG)
@click.version_option(VERSION, prog_name="persistence")
def cli() -> None:
    """One HTTP service, many storage backends, one API: durable in milliseconds, nothing lost."""


@cli.command(short_help="Print the version.")
def version() -> None:
    """Print the version.

    \b
    Example: persistence version
    """
    click.echo(VERSION)


_COMMANDS: tuple[click.Command, ...] = (
    *(demo, serve, check, migrate, config, completion),
    *(import_records, export_records, query, get, receipts, recovery),
    *(health, stats, buffers, flush),
)
for command in _COMMANDS:
    cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code; an error is one sentence on stderr, with its cure."""
    try:
        code = cli.main(list(arguments), prog_name="persistence", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CommandFailed as error:
        click.echo(f"Error: {error}", err=True)
        return error.code
    except ServiceUnreachable as error:
        click.echo(f"Error: {error}. `persistence serve` starts a service, --url names another one.", err=True)
        return Exit.UNREACHABLE
    except StartFailure as error:
        return _fail(error, Exit.CONFIGURATION)
    except PersistenceError as error:
        return _fail(error, Exit.INCOMPLETE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: the command was not finished.", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its end
        return Exit.INCOMPLETE
    return int(code or Exit.OK)


def _fail(error: PersistenceError, code: Exit) -> int:
    click.echo(f"Error: {error.detail} {error.cure}", err=True)
    return code
