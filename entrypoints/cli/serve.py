"""``persistence serve`` and ``persistence migrate``: the commands that open a data folder."""

from __future__ import annotations

import asyncio
import functools
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from entrypoints.cli.audit import audited
from entrypoints.cli.failures import on_interrupt
from entrypoints.cli.options import config_option, data_dir_option, from_here
from entrypoints.cli.progress import waiting
from entrypoints.cli.saying import give_up
from entrypoints.cli.tables import print_table
from entrypoints.settings import KEY_VARIABLE, Settings, load_settings


@click.command()
@config_option
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.  [default: 8080]",
)
@data_dir_option
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
    reread = functools.partial(load_settings, config, flags={"data_dir": data_dir, "server": server})
    settings = reread()
    from entrypoints.process import serve as run

    code = asyncio.run(run(settings, functools.partial(announce, settings), reread))
    try:
        sys.stdout.flush()
    except OSError:  # the last lines of the log are lost; the exit code is about the records
        give_up(sys.stdout)
    return code


@click.command()
@config_option
@data_dir_option
@click.option("--backend", "names", multiple=True, help="Name of a configured backend.  [default: all of them]")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--status", is_flag=True, help="Only say which steps are applied.")
def migrate(config: Path | None, data_dir: str | None, names: tuple[str, ...], dry_run: bool, status: bool) -> None:
    """Bring every configured backend to the schema of this release, step by step, under a lock.

    The steps of a release run before it is started (a running service of the release before goes on). The embedded
    database is also brought forward by every start.

    \b
    Example: persistence migrate --dry-run
    Exit:    0 done, 1 a server does not answer, 78 a backend cannot be used
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    for name in names:
        if name not in settings.backends:
            known = ", ".join(settings.backends)
            raise click.BadParameter(f"there is no [backends.{name}]; configured are: {known}.", param_hint="--backend")
    from entrypoints.process import migrate as run

    chosen, is_look = names or tuple(settings.backends), dry_run or status
    with (
        nullcontext() if is_look else audited("migrate", ", ".join(chosen), settings),
        on_interrupt(lambda: "what is done stays done; the same command goes on."),
        waiting("Bringing the backends to the schema of this release"),
    ):
        found = asyncio.run(run(settings, chosen, look_only=is_look))
    if status:
        rows = [(name, step.name, step.applied) for name, steps in found.items() for step in steps]
        return print_table(("backend", "step", "applied"), rows)
    for name, steps in found.items():
        missing = [step.name for step in steps if not step.applied]
        for step in missing:
            click.echo(f"Backend {name}: {step} {'would be' if dry_run else 'is'} applied.")
        if not missing or not dry_run:
            click.echo(f"Backend {name} has the schema of this release.")
    return None


def announce(settings: Settings, url: str, admin_url: str | None) -> None:
    """Show a person what is running and how to talk to it; a log reader gets the start line instead."""
    if sys.stdout.isatty():
        click.echo(banner(settings, url, admin_url))


def banner(settings: Settings, url: str, admin_url: str | None = None) -> str:
    """What a person wants to know first; the command in it works as it stands, once a key that it shows is made."""
    head, label = click.style("Persistence Service", bold=True), click.style
    is_asking = settings.auth.mode != "off"
    return "\n".join(
        (
            "",
            f"  {head} is ready at {label(url, fg='cyan', underline=True)}",
            "",
            f"  {label('docs', dim=True)}     {from_here(admin_url or url)}/docs",
            f"  {label('data', dim=True)}     {settings.data_folder}",
            f"  {label('promise', dim=True)}  journaled: an answered batch survives kill -9 and power loss",
            *(
                [f"  {label('drain', dim=True)}    by `persistence worker`, at least one"]
                if settings.shared_partitions
                else []
            ),
            *([f"  {label('callers', dim=True)}  {_credential(settings)}"] if is_asking else []),
            f"  {label('try', dim=True)}      curl -sS {from_here(url)}/api/v1/translation/sessions/batch \\",
            *([f'             -H "X-API-Key: ${KEY_VARIABLE}" \\'] if is_asking else []),
            "             -H 'Content-Type: application/json' -d '{\"sessions\": [{",
            '               "session_id": "s1", "status": "pending",',
            '               "source_lang": "en", "target_lang": "de"}]}\'',
            f"  {label('stop', dim=True)}     Ctrl-C",
            "",
        )
    )


def _credential(settings: Settings) -> str:
    """What callers show, and how they come by it."""
    if not settings.keys_are_in_memory:
        return "show a key; `persistence keys create` makes one"
    if settings.auth.issuers:
        return "show a token"
    return "have no key, and none can be made in memory; name another `auth.backend`"
