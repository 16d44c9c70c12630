"""Ask which holes of the pinned dependencies are known, and say of how many nobody could tell.

python -m tests.security.advisories FILE PIP_AUDIT [OPTION]...   # exit 1 where a hole is known

FILE: of requirements with hashes. OPTION: of pip-audit, like ``--vulnerability-service osv``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import msgspec

_CURE = "where osv.dev is reached, make security AUDIT='--vulnerability-service osv' asks there"


class _Hole(msgspec.Struct, frozen=True):
    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []


class _Dependency(msgspec.Struct, frozen=True):
    name: str
    version: str = ""
    vulns: list[_Hole] = []
    skip_reason: str = ""  # why nobody could tell


class _Report(msgspec.Struct, frozen=True):
    """What pip-audit prints with ``--format json``."""

    dependencies: list[_Dependency]


def judged(report: bytes, complaint: str = "") -> tuple[int, list[str]]:
    """Exit code and lines to print; ``complaint``: what pip-audit said beside its report."""
    try:
        dependencies = msgspec.json.decode(report, type=_Report).dependencies
    except msgspec.DecodeError:
        reason = (complaint.strip().splitlines() or ["it gave no reason"])[-1]
        return 0, [f"S45 advisories: NOT ASKED, since pip-audit could not: {reason[:300]}", f"    {_CURE}"]
    holes = [
        f"    {each.name} {each.version}: {', '.join([hole.id, *hole.aliases])}; "
        f"fixed in {', '.join(hole.fix_versions) or 'no release yet'}"
        for each in dependencies
        for hole in each.vulns
    ]
    asked = sum(not each.skip_reason for each in dependencies)
    lines = [f"S45 advisories: {len(holes)} known for {asked} of {len(dependencies)} dependencies", *holes]
    if asked < len(dependencies):
        lines.append(f"    NOT ASKED for {len(dependencies) - asked}: the service has nothing about them; {_CURE}")
    return int(bool(holes)), lines


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    file, tool, *options = arguments
    command = [tool, "--requirement", file, "--disable-pip", "--progress-spinner", "off", "--format", "json", *options]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=900)
    code, lines = judged(ended.stdout, ended.stderr.decode(errors="replace"))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
