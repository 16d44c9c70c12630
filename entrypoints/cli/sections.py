"""The list of commands, by what one wants to do; a command's module is loaded when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, cast

import click


class Listed(NamedTuple):
    """A command as the list shows it."""

    name: str
    place: str  # module:attribute
    line: str


_CLI = "entrypoints.cli"
SECTIONS: Mapping[str, Sequence[Listed]] = {
    "Run": (
        Listed("demo", f"{_CLI}.demo.command:demo", "See the product at work in seconds, through a kill -9."),
        Listed("check", f"{_CLI}.check:check", "Say whether the service would start here, and on what."),
        Listed("serve", f"{_CLI}.serve:serve", "Run the service."),
        Listed("worker", f"{_CLI}.worker:worker", "Drain the buffer that several instances share."),
        Listed("migrate", f"{_CLI}.serve:migrate", "Bring every backend to the schema of this release."),
        Listed("reload", f"{_CLI}.operate:reload", "Let a running service read its configuration anew."),
    ),
    "Data in and out": (
        Listed("import", f"{_CLI}.transfer:import_records", "Send records from NDJSON files to a running service."),
        Listed("export", f"{_CLI}.transfer:export_records", "Write all records of a collection."),
        Listed("copy", f"{_CLI}.copy:copy", "Copy collections between backends, and verify the copy."),
        Listed("files", f"{_CLI}.files:files", "Put files in, get them back, list and delete them."),
        Listed("flush", f"{_CLI}.operate:flush", "Write everything acknowledged to its backend, now."),
    ),
    "Look": (
        Listed("query", f"{_CLI}.read:query", "List records, filtered and sorted."),
        Listed("get", f"{_CLI}.read:get", "Show one record."),
        Listed("search", f"{_CLI}.search:search", "Find records by the words in their texts."),
        Listed("receipts", f"{_CLI}.read:receipts", "Show what became of an acknowledged batch."),
        Listed("health", f"{_CLI}.operate:health", "Show how a running service is."),
        Listed("stats", f"{_CLI}.operate:stats", "Count the stored records by status, and those that wait."),
        Listed("buffers", f"{_CLI}.operate:buffers", "Show what waits to be written, and what holds it up."),
    ),
    "Recover": (
        Listed("recovery", f"{_CLI}.recovery:recovery", "Find interrupted sessions, and get one back."),
        Listed("dead-letters", f"{_CLI}.dead_letters:dead_letters", "See refused records; replay or purge them."),
    ),
    "Configure": (
        Listed("keys", f"{_CLI}.keys:keys", "Make, list, rotate and revoke API keys."),
        Listed("config", f"{_CLI}.configuration:config", "Look at the configuration."),
        Listed("keyring", f"{_CLI}.keyring:keyring", "Make, exchange and retire the keys of encrypted fields."),
        Listed("completion", f"{_CLI}.completion:completion", "Print the completion script of a shell."),
        Listed("version", f"{_CLI}.completion:version", "Print the version."),
    ),
}


class Sections(click.Group):
    """A group whose help shows its commands under headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Every command, in the order of the sections."""
        return [each.name for each in _listed()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, loaded; None where there is none of this name."""
        place = next((each.place for each in _listed() if each.name == cmd_name), None)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words begin with. Raises NoSuchCommand, with those that may be meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand:
            names = self.list_commands(ctx)
            raise click.exceptions.NoSuchCommand(args[0], possibilities=names, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        width = max(map(len, self.list_commands(ctx)))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{each.name:<{width}}", each.line) for each in commands])


def _listed() -> Iterator[Listed]:
    for commands in SECTIONS.values():
        yield from commands
