"""``persistence config``: what is configured."""

from __future__ import annotations

from pathlib import Path

import click

from entrypoints.cli.options import config_option
from entrypoints.settings import Tree, load_settings


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@config_option
def show(config: Path | None) -> None:
    """Print every effective setting as TOML; secrets are masked."""
    click.echo("\n".join(toml_lines(load_settings(config).shown())))


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
