"""``persistence import`` and ``persistence export``: records into and out of a running service."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from domain.model.translation import SESSIONS, TASKS
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import url_option
from entrypoints.cli.progress import records_progress
from entrypoints.client.formats import FORMATS

if TYPE_CHECKING:
    from entrypoints.client.upload import Upload

SHOWN_REFUSALS = 20
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)


@click.command(name="import", short_help="Send records from NDJSON files to a running service.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_EXISTING)
@url_option
@click.option("--batch-size", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Records a request.")
@click.option("--in-flight", default=8, show_default=True, type=click.IntRange(1, 64), help="Requests at a time.")
@click.option("--patience", default=60.0, show_default=True, type=click.FloatRange(0), help="Seconds to retry.")
def import_records(files: tuple[Path, ...], url: str, batch_size: int, in_flight: int, patience: float) -> int:
    """Send records from NDJSON files (.gz too), sessions or tasks, to a running service.

    A file holds one kind: its first record's task_id or session_id tells which. Refused connections, resets,
    timeouts, 429 and 503 are retried. A record that the service refuses is named with its line, the others go on.
    Sending a file again is harmless where records carry `updated_at`.

    \b
    Example: persistence import sessions.ndjson tasks.ndjson.gz
    Exit:    0 all acknowledged, 65 all but refused records,
             1 not all acknowledged, 130 interrupted (the summary names the lines)
    """
    from entrypoints.client.http import Client
    from entrypoints.client.upload import Upload

    client = Client(url, patience_seconds=patience, connections=in_flight)
    upload = Upload(client, batch_size=batch_size, in_flight=in_flight)

    async def transfer() -> None:
        async with client:
            with records_progress(sum(file.stat().st_size for file in files)) as progress:
                await upload.run(files, progress)

    try:
        asyncio.run(transfer())
    except KeyboardInterrupt:
        upload.cause = "interrupted"
    return _summarise(upload)


@click.command(name="export", short_help="Write all sessions or tasks of a running service.")
@click.argument("kind", type=click.Choice(["sessions", "tasks"]))
@click.option(
    *("-o", "--output"),
    default="-",
    callback=lambda *given: _named(given[-1]),
    help="File to write, compressed where its name ends in .gz; - is stdout.",
)
@click.option(
    "--format", "form", type=click.Choice([*FORMATS]), help="[default: csv for .csv and .csv.gz, else ndjson]"
)
@url_option
@click.option("--patience", default=60.0, show_default=True, type=click.FloatRange(0), help="Seconds to retry.")
def export_records(kind: str, output: str, form: str | None, url: str, patience: float) -> None:
    """Write all sessions or tasks of a running service, in the order of their keys, as NDJSON or CSV.

    What was acknowledged before the export began is in it. A file appears under its name when it is complete. In CSV,
    null is an empty cell and an object is JSON.

    \b
    Example: persistence export tasks --output tasks.csv.gz
    Exit:    0 all written, 1 the file cannot be written,
             69 the service does not answer
    """
    from entrypoints.client.download import Download
    from entrypoints.client.http import Client

    collection = SESSIONS if kind == "sessions" else TASKS
    lines = FORMATS[form or ("csv" if output.removesuffix(".gz").endswith(".csv") else "ndjson")](collection)

    async def transfer() -> int:
        count = 0
        async with Client(url, patience_seconds=patience, connections=1) as client:
            download = Download(client, collection)
            with _sink(output) as sink, records_progress() as progress:
                sink.write(lines.head)
                async for page in download.pages():
                    sink.write(lines.of(page))
                    count += len(page)
                    progress(count, 0, download.total)
        return count

    count = asyncio.run(transfer())
    click.echo(f"Exported {count:,} {kind}" + ("." if output == "-" else f" to {output}."), err=True)


def _named(output: str) -> str:
    if not Path(output).name:
        raise click.BadParameter(f"{output!r} is not the name of a file.")
    return output


@contextlib.contextmanager
def _sink(output: str) -> Iterator[BinaryIO]:
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6) as stream:
                    yield cast("BinaryIO", stream)
            else:
                yield raw
        part.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror or error}.", Exit.INCOMPLETE) from error
    finally:
        part.unlink(missing_ok=True)


def _summarise(upload: Upload) -> int:
    rate = upload.acknowledged / upload.seconds if upload.seconds else 0.0
    click.echo(f"Acknowledged {upload.acknowledged:,} records in {upload.seconds:.1f} s ({rate:,.0f} records/s).")
    if upload.refused:
        click.echo(f"Refused {upload.refused:,} records:", err=True)
        named = sorted(upload.refusals, key=lambda refusal: (refusal.file, refusal.line))
        for refusal in named[:SHOWN_REFUSALS]:
            click.echo(f"  {refusal.file}:{refusal.line}: {refusal.detail}", err=True)
        if upload.refused > SHOWN_REFUSALS:
            click.echo(f"  ... and more; the first {SHOWN_REFUSALS} are shown.", err=True)
    if upload.gaps:
        click.echo(f"Not acknowledged ({upload.cause}):", err=True)
        for gap in upload.gaps:
            place = f"lines {gap.first}-{gap.last}" if gap.last is not None else f"from line {gap.first} to the end"
            click.echo(f"  {gap.file}: {place}", err=True)
        click.echo(
            "Send these files again when the service is back; what it has already does not count twice.", err=True
        )
        return Exit.INTERRUPTED if upload.cause == "interrupted" else Exit.INCOMPLETE
    return Exit.BAD_DATA if upload.refused else Exit.OK
