"""``persistence worker``: drains the buffer that instances share."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import click

from entrypoints.cli.options import config_option
from entrypoints.settings import Settings, load_settings


@click.command()
@config_option
@click.option("--burst", is_flag=True, help="End when everything that is there now is written.")
def worker(config: Path | None, burst: bool) -> int:
    """Write what instances have acknowledged into a shared buffer to the backends, until SIGTERM or Ctrl-C.

    Run as many as there is work, on any machine, with the configuration of the instances ([journal] type = "redis"):
    they share the partitions among each other. The batch in hand is finished at the stop.

    \b
    Example: persistence worker --config persistence.toml
    Exit:    0 ended as asked, 78 cannot start,
             1 a --burst whose backend or buffer does not answer
    """
    reread = functools.partial(load_settings, config)
    settings = reread()
    from entrypoints.worker.partitions import run

    return run(settings, lambda: announce(settings), reread, burst=burst)


def announce(settings: Settings) -> None:
    """Show a person what is running; a log reader sees the partitions being taken."""
    if sys.stdout.isatty():
        click.echo(f"Draining {settings.shared_partitions} partitions of each collection; Ctrl-C ends it.")
