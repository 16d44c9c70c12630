"""``persistence serve`` and ``persistence migrate``: the commands that open a data folder."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from entrypoints.cli.options import config_option
from entrypoints.settings import Settings, load_settings


@click.command(short_help="Run the service.")
@config_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.  [default: 8080]")
@click.option("--data-dir", help="Folder for everything durable.  [default: ./data]")
@click.option("--insecure", is_flag=True, default=None, help="Listen on other than loopback addresses.")
def serve(config: Path | None, host: str | None, port: int | None, data_dir: str | None, insecure: bool | None) -> int:
    """Run the service until SIGTERM or Ctrl-C; a second signal does not wait for the last flush.

    \b
    Example: persistence serve --port 9090 --data-dir /var/lib/persistence
    Exit:    0 all is written, 70 a disk failed or damage was found,
             75 acknowledged records remain in the journal for the next start,
             78 cannot start
    """
    server = {"host": host, "port": port, "insecure": insecure}
    settings = load_settings(config, flags={"data_dir": data_dir, "server": server})
    from entrypoints.process import serve as run

    return asyncio.run(run(settings, lambda url: announce(settings, url)))


@click.command(short_help="Bring every backend to the schema of this release.")
@config_option
@click.option("--data-dir", help="Folder for everything durable.  [default: ./data]")
def migrate(config: Path | None, data_dir: str | None) -> None:
    """Bring every backend to the schema of this release; the service must not be running.

    \b
    Example: persistence migrate --data-dir /var/lib/persistence
    Exit:    0 done, 78 the folder or a backend cannot be used
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    from entrypoints.process import migrate as run

    for name in asyncio.run(run(settings)):
        click.echo(f"Backend {name} has the schema of this release.")


def announce(settings: Settings, url: str) -> None:
    """Show a person what is running and how to talk to it; a log reader gets the start line instead."""
    if sys.stdout.isatty():
        click.echo(banner(settings, url))


def banner(settings: Settings, url: str) -> str:
    """What a person wants to know first; the command in it works as it stands."""
    body = '{"sessions":[{"session_id":"s1","status":"pending","source_lang":"en","target_lang":"de"}]}'
    head, label = click.style("Persistence Service", bold=True), click.style
    return "\n".join(
        (
            "",
            f"  {head} is ready at {label(url, fg='cyan', underline=True)}",
            "",
            f"  {label('data', dim=True)}     {settings.data_folder}",
            f"  {label('promise', dim=True)}  journaled: an answered batch survives kill -9 and power loss",
            f"  {label('try', dim=True)}      curl -s {url}/api/v1/translation/sessions/batch \\",
            "             -H 'Content-Type: application/json' \\",
            f"             -d '{body}'",
            f"  {label('stop', dim=True)}     Ctrl-C",
            "",
        )
    )
