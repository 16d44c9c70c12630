"""The command ``persistence demo``."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import click

from entrypoints.cli.failures import CommandFailed, Exit, on_interrupt


@click.command()
def demo() -> None:
    """See the product at work: load real records, list them, kill the service with -9 in the middle of a write,
    restart it, restore the interrupted session, and count what was kept of what was promised.

    It needs nothing: a folder of its own, removed at the end, and a free port.

    \b
    Example: persistence demo
    Exit:    0 everything was kept, 1 something was lost
    """
    from entrypoints.cli.demo.story import Story, show

    begun = time.monotonic()
    with on_interrupt(lambda: "nothing of it is left; the same command begins anew."), _temporary_folder() as folder:
        story = Story(Path(folder))
        asyncio.run(story.run())
    show(story.promises)
    lost = sum(abs(each.promised - each.kept) for each in story.promises)
    if lost:
        raise CommandFailed(f"{lost} of what was promised was not kept.", Exit.INCOMPLETE)
    click.echo(f"Nothing was lost. That took {time.monotonic() - begun:.1f} s; next: persistence serve")


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="persistence-demo-")
    except OSError as error:
        sentence = f"there is no folder for it: {error.strerror or error}. TMPDIR names one that can be written."
        raise CommandFailed(sentence, Exit.INCOMPLETE) from error
