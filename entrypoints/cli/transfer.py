"""``persistence import`` and ``persistence export``: records into and out of a running service."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrypoints.cli.asking import introduced
from entrypoints.cli.audit import Act, audited
from entrypoints.cli.failures import Exit, on_interrupt
from entrypoints.cli.options import KINDS, kind_argument, patience_option, shown_key, url_option
from entrypoints.cli.output import STDOUT, checked_name, opened
from entrypoints.cli.progress import Report, records_progress
from entrypoints.cli.saying import counted, say
from entrypoints.client.failures import KeyRefused, NotTheService
from entrypoints.formats import FORMATS

if TYPE_CHECKING:
    from domain.model.collections import Collection
    from entrypoints.client.http import Client
    from entrypoints.client.upload import Gap, Upload

SHOWN = 20  # refusals or gaps that are named
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True, allow_dash=True)
_NDJSON = (
    'A file has one JSON object a line (NDJSON), such as {"task_id": "t1", "session_id": "s1", ...}; '
    "ops/examples/csv_to_ndjson.py makes it from CSV."
)


@click.command(name="import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_EXISTING)
@url_option
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Records a request.",
)
@click.option(
    "--in-flight", metavar="N", type=click.IntRange(1, 64), default=8, show_default=True, help="Requests at a time."
)
@patience_option
def import_records(files: tuple[Path, ...], url: str, batch_size: int, in_flight: int, patience: float) -> int:
    """Send records from NDJSON files, sessions, tasks, users or logs, to a running service.

    A file holds one kind: its first record's task_id, session_id or user_id tells which, or level and message those of
    logs; gzip is told by its content, and - is stdin. Refused connections, resets, timeouts, 429 and 503 are repeated,
    and nothing is taken twice by that. A record that the service refuses is named with its line, the others go on.
    Sending a file again is harmless where records carry `updated_at`, and logs a `log_id`.

    \b
    Example: persistence import sessions.ndjson tasks.ndjson.gz
    Exit:    0 all acknowledged, 65 all but refused records,
             1 not all acknowledged, 130 interrupted (the summary names the lines)
    """
    from entrypoints.client.http import Client
    from entrypoints.client.upload import Upload

    files = tuple(Path("/dev/stdin") if str(file) == "-" else file for file in files)
    client = Client(url, patience_seconds=patience, connections=in_flight, key=shown_key(), on_trouble=say)
    upload = Upload(client, batch_size=batch_size, in_flight=in_flight)

    async def transfer() -> None:
        async with client:
            with records_progress(_bytes_of(files)) as progress:
                await upload.run(files, progress)

    interrupted = False
    try:
        asyncio.run(transfer())
    except KeyboardInterrupt:
        interrupted = True
    return _summarise(upload, interrupted=interrupted)


@click.command(name="export")
@kind_argument
@click.option(
    *("-o", "--output"),
    metavar="FILE",
    default=STDOUT,
    callback=lambda *given: checked_name(given[-1]),
    help="File to write, compressed where its name ends in .gz; - is stdout.",
)
@click.option(
    "--format",
    "form",
    metavar="|".join(FORMATS),
    type=click.Choice([*FORMATS]),
    help="[default: csv for .csv and .csv.gz, else ndjson]",
)
@url_option
@patience_option
def export_records(kind: str, output: str, form: str | None, url: str, patience: float) -> None:
    """Write all sessions, tasks, users or logs of a running service, in the order of their keys, as NDJSON or CSV.

    What was acknowledged before the export began is in it. A file appears under its name when it is complete. In CSV,
    null is an empty cell and an object is JSON.

    \b
    Example: persistence export tasks --output tasks.csv.gz
    Exit:    0 all written, 1 the file cannot be written,
             69 no service answers
    """
    from entrypoints.client.http import Client

    collection = KINDS[kind]
    client = Client(url, patience_seconds=patience, connections=1, key=shown_key(), on_trouble=say)
    form = form or ("csv" if output.removesuffix(".gz").endswith(".csv") else "ndjson")
    place = "stdout" if output == STDOUT else output
    said = {STDOUT: "what is on stdout is not all"}.get(output, f"{output} was not written")
    with (
        audited("export", f"{kind} to {place}", is_begun=False) as act,
        on_interrupt(lambda: f"{said}; the same command begins anew."),
        records_progress(hidden=output == STDOUT and sys.stdout.isatty()) as progress,
    ):
        count = asyncio.run(_export(client, collection, output, form, progress, act))
    say(f"Exported {count:,} {collection.noun if count == 1 else kind} to {place}.")


async def _export(client: Client, collection: Collection, output: str, form: str, progress: Report, act: Act) -> int:
    """Write every page as it comes; returns the number of records. Raises CommandFailed, ServiceUnreachable."""
    from entrypoints.client.download import Download

    lines = FORMATS[form](collection)
    count = 0
    async with client:
        download = Download(client, collection)
        with opened(output) as stream:
            stream.write(lines.head)
            async for page in download.pages():
                act.is_begun = True
                stream.write(lines.of(page))
                count += len(page)
                progress(count, 0, download.total)
    return count


def _bytes_of(files: tuple[Path, ...]) -> int | None:
    """The size of all files together; None where one of them is a pipe."""
    found = [file.stat() for file in files]
    return sum(each.st_size for each in found) if all(stat.S_ISREG(each.st_mode) for each in found) else None


def _summarise(upload: Upload, *, interrupted: bool) -> Exit:
    rate = f" ({upload.acknowledged / upload.seconds:,.0f} records/s)" if upload.acknowledged and upload.seconds else ""
    click.echo(f"Acknowledged {counted(upload.acknowledged, 'record')} in {upload.seconds:.1f} s{rate}.")
    if upload.refused:
        _name_refusals(upload)
    if upload.gaps:
        return _name_gaps(upload, interrupted=interrupted)
    if not upload.acknowledged and not upload.refused:
        say("There was no record to send.")
    return Exit.BAD_DATA if upload.refused else Exit.OK


def _name_refusals(upload: Upload) -> None:
    say(f"Refused {counted(upload.refused, 'line')}:")
    named = sorted(upload.refusals, key=lambda refusal: (refusal.file, refusal.line))
    _list([f"{refusal.file}:{refusal.line}: {refusal.detail}" for refusal in named], upload.refused)
    if not upload.acknowledged and any(refusal.is_foreign for refusal in named):
        say(_NDJSON)


def _name_gaps(upload: Upload, *, interrupted: bool) -> Exit:
    """Say what is not acknowledged, why, and how to go on."""
    cause, again = str(upload.failure), "when the service is back"
    if interrupted:
        cause, again = "interrupted", "to go on"
    elif isinstance(upload.failure, KeyRefused):
        again = "with --api-key-file or PERSISTENCE_API_KEY, and a key that may"
    elif isinstance(upload.failure, NotTheService):
        cause, again = introduced(upload.failure), "to the service; --url names its address"
    say(f"Not acknowledged ({cause}):")
    _list([f"{gap.file}: {_place(gap)}" for gap in upload.gaps], len(upload.gaps))
    say(f"Send these files again {again}; what the service has already does not count twice.")
    return Exit.INTERRUPTED if interrupted else Exit.INCOMPLETE


def _list(lines: Sequence[str], count: int) -> None:
    """The first of ``count`` things that lines are about."""
    for line in lines[:SHOWN]:
        say(f"  {line}")
    if count > SHOWN:
        say(f"  ... and {count - SHOWN:,} more.")


def _place(gap: Gap) -> str:
    if gap.last is None:
        return f"from line {gap.first} to the end"
    return f"line {gap.first}" if gap.first == gap.last else f"lines {gap.first}-{gap.last}"
