"""The command ``persistence``; the only place where the process ends."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from entrypoints.cli.app import run  # here, so that Ctrl-C during the imports ends without a traceback

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
