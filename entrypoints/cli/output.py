"""Where an export goes: a file that appears when it is complete, a device or pipe, or stdout."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click

from entrypoints.cli.failures import CommandFailed, Exit

STDOUT = "-"
_NOTHING = 0


def checked_name(output: str) -> str:
    """The name of an output. Raises BadParameter where no file can be called so."""
    if not Path(output).name or output.endswith("/"):
        raise click.BadParameter(f"{output!r} is not the name of a file.")
    if stat.S_ISDIR(_kind(output)):
        raise click.BadParameter(f"{output!r} is a folder; name a file in it.")
    return output


@contextlib.contextmanager
def opened(output: str, *, as_it_is: bool = False) -> Iterator[BinaryIO]:
    """The stream to write to, compressed where the name ends in .gz, unless ``as_it_is``.

    Raises CommandFailed where that cannot be done.
    """
    if output == STDOUT:
        yield sys.stdout.buffer
        return
    try:
        with (
            _placed(output) as raw,
            _compressed(raw) if output.endswith(".gz") and not as_it_is else contextlib.nullcontext(raw) as stream,
        ):
            yield stream
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror or error}.", Exit.INCOMPLETE) from error


@contextlib.contextmanager
def _placed(output: str) -> Iterator[BinaryIO]:
    """A file is written beside its place and moved there when it is whole; a device or a pipe is written as it is."""
    if _kind(output) not in (_NOTHING, stat.S_IFREG):
        with Path(output).open("wb") as raw:
            yield raw
        return
    path = Path(os.path.realpath(output))  # a link stays one
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _kind(output: str) -> int:
    """What stands under a name already, as the type bits of its mode."""
    try:
        return stat.S_IFMT(Path(output).stat().st_mode)
    except OSError:
        return _NOTHING


def _compressed(raw: BinaryIO) -> contextlib.AbstractContextManager[BinaryIO]:
    """gzip whose bytes depend on the content alone: no name in it."""
    return cast(
        "contextlib.AbstractContextManager[BinaryIO]",
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6),
    )
