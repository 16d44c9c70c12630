"""The command ``persistence``; the only place where the process ends."""

from __future__ import annotations

import sys

from entrypoints.cli.app import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
