"""``persistence copy``: collections from one backend to another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from domain.errors import BackendError
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from entrypoints.cli.asking import json_option, print_json
from entrypoints.cli.audit import audited
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import config_option, data_dir_option, shown_key, url_option
from entrypoints.cli.progress import records_progress
from entrypoints.cli.tables import print_table
from entrypoints.settings import FILE_NAME, Settings, load_settings

if TYPE_CHECKING:
    from entrypoints.copying import CopyJob, Report, Verified

_NAMES = [collection.name for collection in BUILT_IN]


@click.command()
@click.option("--from", "source", required=True, metavar="BACKEND", help="Name of the configured backend to read.")
@click.option("--to", "target", required=True, metavar="BACKEND", help="Name of the configured backend to write.")
@click.option(
    *("--collection", "names"),
    metavar="NAME",
    multiple=True,
    type=click.Choice(_NAMES),
    help="A collection; may be said again.  [default: all]",
)
@config_option
@data_dir_option
@click.option("--switch", is_flag=True, help="Then let the running service keep them there.")
@url_option
@json_option
def copy(
    source: str,
    target: str,
    names: tuple[str, ...],
    *,
    config: Path | None,
    data_dir: str | None,
    switch: bool,
    url: str,
    as_json: bool,
) -> int:
    """Copy collections from one configured backend to another, with their deletes, and compare checksums.

    Broken off, the same command goes on where it was. Records that the target has in a newer version stay as they are.
    The service may run meanwhile; what it writes into the source behind the copy makes the checksums differ.

    With --switch both are compared while the running service tells what it goes on writing; it holds its flush back
    while the last of that is compared (it goes on acknowledging), the configuration file gets the new route, and the
    service turns to it.

    \b
    Example: persistence copy --from main --to big --switch
    Exit:    0 both hold the same, 1 they do not, or a server does not answer,
             69 no service answers, 78 a backend cannot be used, 130 interrupted
    """
    if source == target:
        raise click.BadParameter("source and target are the same backend.", param_hint="--to")
    settings = load_settings(config, flags={"data_dir": data_dir})
    chosen = [collection for collection in BUILT_IN if collection.name in (names or _NAMES)]
    found: dict[str, Verified] = {}
    work = _Work(settings, source, target, url if switch else None, config or Path(FILE_NAME))
    begun = time.monotonic()
    subject = f"{', '.join(collection.name for collection in chosen)} from {source} to {target}"
    try:
        with audited("copy", f"{subject}, switched" if switch else subject, settings):
            asyncio.run(work.run(chosen, found))
    except KeyboardInterrupt:
        click.echo("Interrupted: the same command goes on where this one was.", err=True)
        return Exit.INTERRUPTED
    except BackendError as error:
        raise CommandFailed(f"{error.detail} The same command goes on from there.", Exit.INCOMPLETE) from error
    code = _show(found, time.monotonic() - begun, as_json=as_json)
    if switch and code == Exit.OK:
        click.echo(f"The service keeps {', '.join(found)} in {target} now; {source} has what it had.", err=True)
    return code


class _Work:
    """One run of the command."""

    def __init__(self, settings: Settings, source: str, target: str, url: str | None, file: Path) -> None:
        """``url``: of the service that is to turn to the target, if one is."""
        self._settings = settings
        self._source = source
        self._target = target
        self._url = url
        self._file = file

    async def run(self, chosen: Sequence[Collection], found: dict[str, Verified]) -> None:
        """Fills ``found`` collection by collection."""
        from entrypoints.copying import CopyJob, open_pair

        async with open_pair(self._settings, self._source, self._target) as pair:
            for collection in chosen:
                job = CopyJob(pair, collection, self._settings.data_folder / "copies")
                if before := job.place.records:
                    note = f"{collection.name}: going on behind {before:,} records that are copied already."
                    click.echo(note, err=True)
                with records_progress() as progress:
                    work = self._copied if self._url is None else self._switched
                    found[collection.name] = await work(job, collection, lambda count: progress(count, 0))

    async def _copied(self, job: CopyJob, _: Collection, report: Report) -> Verified:
        await job.copy(report)
        return await job.verify(report)

    async def _switched(self, job: CopyJob, collection: Collection, report: Report) -> Verified:
        from entrypoints.client.http import Client
        from entrypoints.switching import NotSwitched, Switch

        async with Client(
            str(self._url), patience_seconds=0, timeout_seconds=60, connections=2, key=shown_key()
        ) as client:
            try:
                return await Switch(client, job, collection, self._file).run(self._source, self._target, report)
            except NotSwitched as error:
                raise CommandFailed(f"{collection.name} is not switched. {error}", Exit.INCOMPLETE) from error


def _show(found: dict[str, Verified], seconds: float, *, as_json: bool) -> int:
    equal = all(verified.equal for verified in found.values())
    if as_json:
        print_json(msgspec.json.encode({name: {**_plain(verified)} for name, verified in found.items()}))
    else:
        rows = [
            (name, v.source.records, v.source.tombstones, v.target.records, v.source.checksum[:12], v.equal)
            for name, v in found.items()
        ]
        print_table(("collection", "records", "deleted", "in the copy", "checksum", "equal"), rows)
        click.echo(f"Copied and compared in {seconds:.1f} s.", err=True)
    if not equal:
        click.echo("The two differ: the source changed meanwhile, or the target has newer records.", err=True)
    return Exit.OK if equal else Exit.INCOMPLETE


def _plain(verified: Verified) -> dict[str, object]:
    return {**msgspec.to_builtins(verified), "equal": verified.equal}
