"""``persistence files``: put files into a running service, and get them back."""

from __future__ import annotations

import asyncio
import mimetypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import click

from domain.model.files import FILES
from entrypoints.cli.asking import asked, json_option, print_json, refused
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import page_size_option, shown_key, url_option
from entrypoints.cli.output import STDOUT, checked_name, opened
from entrypoints.cli.progress import waiting
from entrypoints.cli.read import Page, Row, pair, segment, show_page
from entrypoints.cli.saying import say
from entrypoints.cli.tables import print_report

if TYPE_CHECKING:
    from entrypoints.client.http import Answer

_PATH = "/api/v1/storage/files"
_SHOWN = "file_id,name,content_type,size,created_at"
_UNKNOWN = "application/octet-stream"


@click.group()
def files() -> None:
    """Put files into a running service, get them back, list and delete them.

    \b
    Example: persistence files list
    Exit:    see each of the five
    """


@files.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("file_id", metavar="[ID]", required=False)
@click.option("--name", metavar="NAME", help="What it is called when it is downloaded.  [default: as here]")
@click.option("--type", "kind", metavar="TYPE", help="Its content type.  [default: by its name]")
@click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="What else is known; may be said again.")
@click.option("--new", is_flag=True, help="Only where there is no such file yet.")
@url_option
@json_option
def put(
    file: Path,
    file_id: str | None,
    name: str | None,
    kind: str | None,
    metadata: tuple[str, ...],
    url: str,
    *,
    new: bool,
    as_json: bool,
) -> None:
    """Keep a file, under its name or another ID; the service checks that it arrived as it was sent.

    \b
    Example: persistence files put report.pdf report-2026 --metadata year=2026
    Exit:    0 kept, 1 refused, 2 no such file, ID or type,
             69 no service answers
    """
    headers = {"Content-Type": kind or mimetypes.guess_type(file.name)[0] or _UNKNOWN}
    headers |= {f"X-Metadata-{key}": value for key, value in map(pair, metadata)}
    headers |= {"If-None-Match": "*"} if new else {}
    place = f"{_PATH}/{segment(file_id or normalize('NFC', file.name))}"  # macOS writes names otherwise
    with waiting(f"Sending {file.name}") as sent:
        answer = asyncio.run(_put(url, place, file, headers, name or file.name, sent))
    if not answer.ok:
        raise refused(answer)
    if as_json:
        return print_json(answer.body)
    record = answer.read(Row)
    return say(f"Kept {record.get('file_id')}: {record.get('size', 0):,} bytes, SHA-256 {record.get('sha256')}.")


@files.command()
@click.argument("file_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Where to.  [default: stdout]", default=STDOUT)
@url_option
def get(file_id: str, output: str, url: str) -> None:
    """Get the content of a file; it is compared with its digest, and appears under its name when it is whole.

    \b
    Example: persistence files get report-2026 --output report.pdf
    Exit:    0 got whole, 1 there is none, or it cannot be written,
             69 no service answers, or not with all of it
    """
    if output == STDOUT and sys.stdout.isatty():
        raise click.UsageError("What is in a file may command the terminal; name one with --output.")
    place = f"{_PATH}/{segment(file_id)}"
    with (
        opened(output if output == STDOUT else checked_name(output), as_it_is=True) as out,
        waiting(f"Receiving {file_id}") as received,
    ):
        answer = asyncio.run(_get(url, place, out.write, received))
        if not answer.ok:
            raise refused(answer)


@files.command(name="list")
@click.argument("filters", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--sort", "sort_by", metavar="FIELD[,FIELD]", help="Sort by these fields.")
@click.option("--order", metavar="asc|desc", help="Direction; one for each field of --sort, or one for all.")
@page_size_option
@click.option("--cursor", metavar="CURSOR", help="Go on behind a page; it said where.")
@url_option
@json_option
def list_files(filters: tuple[str, ...], url: str, *, as_json: bool, **options: str | int | None) -> None:
    """List what is known of files, the newest first; filters are those of `persistence query`.

    \b
    Example: persistence files list content_type__prefix=image/ size__gt=1000000
    Exit:    0 listed, 2 no such field, operator or value,
             69 no service answers
    """
    params = [*map(pair, filters), *((name, str(value)) for name, value in options.items() if value is not None)]
    if not as_json:
        params.append(("fields", _SHOWN))
    answer = asked("GET", url, _PATH, params=params)
    if as_json:
        return print_json(answer.body)
    return show_page(FILES, answer.read(Page))


@files.command()
@click.argument("file_id", metavar="ID")
@url_option
@json_option
def show(file_id: str, url: str, *, as_json: bool) -> None:
    """Show what is known of a file.

    \b
    Example: persistence files show report-2026
    Exit:    0 shown, 1 there is none, 69 no service answers
    """
    answer = asked("GET", url, f"{_PATH}/{segment(file_id)}/info")
    if as_json:
        return print_json(answer.body)
    return print_report(answer.read(Row))


@files.command()
@click.argument("file_id", metavar="ID")
@url_option
def delete(file_id: str, url: str) -> None:
    """Delete a file; its content goes a day later.

    \b
    Example: persistence files delete report-2026
    Exit:    0 deleted, 1 there is none, 69 no service answers
    """
    asked("DELETE", url, f"{_PATH}/{segment(file_id)}")
    say(f"Deleted {file_id}.")


async def _put(
    url: str, place: str, file: Path, headers: dict[str, str], name: str, sent: Callable[[int], None]
) -> Answer:
    from entrypoints.client.files import digest_of, put
    from entrypoints.client.http import Client

    try:
        whole = headers | {"Content-Digest": await asyncio.to_thread(digest_of, file)}
        async with Client(url, connections=1, key=shown_key()) as client:
            return await put(client, place, file, whole, params={"name": name}, sent=sent)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror or error}.", Exit.INCOMPLETE) from error


async def _get(url: str, place: str, write: Callable[[bytes], object], received: Callable[[int], None]) -> Answer:
    from entrypoints.client.files import get
    from entrypoints.client.http import Client

    async with Client(url, connections=1, key=shown_key()) as client:
        return await get(client, place, write, received)
