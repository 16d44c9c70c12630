"""The command line as a whole; ``--help`` loads no command, let alone a server."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import click

from domain.errors import PersistenceError, StartFailure
from entrypoints.cli.failures import OTHER_KEY, CommandFailed, Exit, Interrupted
from entrypoints.cli.saying import give_up, say
from entrypoints.cli.sections import Sections
from entrypoints.client.failures import KeyRefused, NotTheService, ServiceUnreachable
from entrypoints.version import VERSION

_EPILOG = """\b
Begin with:  persistence demo
Each one:    persistence COMMAND --help   has an example and its exit codes
Exit codes:  0  done                     1   not all of it is done
             2  wrong command line       65  done but for refused records
             69 no service answers       70  a disk failed, or a bug
             75 records wait for the     78  cannot start
                next start               130 interrupted"""

_HARMLESS = "nothing was changed; the same command begins anew."
_OUTPUT_LOST = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


@click.group(
    cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=_EPILOG
)
@click.version_option(VERSION, prog_name="persistence")
def cli() -> None:
    """One HTTP service, many storage backends, one API: durable in milliseconds, nothing lost."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code; an error is one sentence on stderr, with its cure."""
    try:
        code = cli.main(list(arguments), prog_name="persistence", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        if error.errno not in _OUTPUT_LOST:
            raise
        return _lost_output(error)
    except (CommandFailed, PersistenceError, ServiceUnreachable) as error:
        sentence, code = explained(error)
        say(f"Error: {sentence}")
    except (click.Abort, KeyboardInterrupt, Interrupted) as error:
        say(f"Interrupted: {error if isinstance(error, Interrupted) else _HARMLESS}")
        return Exit.INTERRUPTED
    return int(code or Exit.OK)


def explained(error: CommandFailed | PersistenceError | ServiceUnreachable) -> tuple[str, Exit]:
    """One sentence, with the cure, and the exit code."""
    match error:
        case CommandFailed():
            return str(error), error.code
        case KeyRefused():
            return f"{error}. {OTHER_KEY}", Exit.INCOMPLETE
        case ServiceUnreachable():
            return (
                f"{_answering(error)}. `persistence serve` starts a service, --url names another one.",
                Exit.UNREACHABLE,
            )
        case PersistenceError():
            code = Exit.CONFIGURATION if isinstance(error, StartFailure) else Exit.INCOMPLETE
            return f"{error.detail} {error.cure}", code


def _answering(error: ServiceUnreachable) -> str:
    if not isinstance(error, NotTheService):
        return str(error)
    from entrypoints.cli.asking import introduced

    return introduced(error)


def _lost_output(error: OSError) -> int:
    """Nobody reads on, which ``| head`` means well, or there is no room."""
    give_up(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        try:
            say(f"Error: the output cannot be written: {error.strerror}.")
        except OSError:  # both were the terminal that is gone
            give_up(sys.stderr)
    return Exit.INCOMPLETE
