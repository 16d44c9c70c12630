"""Services that ask for keys, and keys for them, made as an operator makes them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.service import command, environment

ASKING = {
    "PERSISTENCE__AUTH__MODE": "keys",
    "PERSISTENCE__QUOTAS__ANONYMOUS_PER_MINUTE": "0",
    "PERSISTENCE__QUOTAS__KEY_PER_MINUTE": "0",
    "PERSISTENCE__QUOTAS__SESSION_QUERIES_PER_MINUTE": "0",
}
"""The settings of a service that asks for keys and counts no requests."""


def persistence(folder: Path, settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where a service is configured."""
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(settings), capture_output=True, text=True, check=False
    )


def made(folder: Path, settings: Mapping[str, str], *scopes: str) -> str:
    """A new key, made by the command line."""
    options = [option for scope in scopes for option in ("--scope", scope)]
    ended = persistence(folder, settings, "keys", "create", "a test", *options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def id_of(key: str) -> str:
    """The part of a key that is no secret."""
    return key.removeprefix("ps_").partition(".")[0]
