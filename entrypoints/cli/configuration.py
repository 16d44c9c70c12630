"""``persistence config``: what is configured."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from entrypoints.cli.asking import json_option, print_json
from entrypoints.cli.options import config_option
from entrypoints.decoding import Tree
from entrypoints.settings import load_settings


@click.group()
def config() -> None:
    """Look at the configuration.

    \b
    Example: persistence config show
    Exit:    see each of the two
    """


@config.command(short_help="Print every effective setting.")
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """Print every effective setting as TOML (or JSON); secrets are masked.

    \b
    Example: persistence config show > persistence.toml
    Exit:    0 shown, 78 something in it is wrong
    """
    tree = load_settings(config).shown()
    if as_json:
        return print_json(msgspec.json.encode(tree))
    return click.echo("\n".join(toml_lines(tree)))


@config.command(name="check", short_help="Say whether the configuration is sound.")
@config_option
def check_configuration(config: Path | None) -> None:
    """Say whether the file, the environment and what they add up to are sound; `persistence check` looks further.

    \b
    Example: persistence config check --config persistence.toml
    Exit:    0 sound, 78 not: one sentence names the key and where it was set
    """
    load_settings(config)
    click.echo("The configuration is sound.")


def toml_lines(tree: Tree, path: str = "") -> list[str]:
    """A tree of plain values as TOML: values first, then tables; what is None stays unsaid."""
    lines = [f"{key} = {_value(value)}" for key, value in tree.items() if not isinstance(value, dict | None)]
    if path and lines:
        lines = ["", f"[{path}]", *lines]
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += toml_lines(value, f"{path}.{key}" if path else key)
    return lines


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
