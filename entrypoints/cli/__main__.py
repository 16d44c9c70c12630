"""The command ``persistence``; the only place where the process ends."""

from __future__ import annotations

import sys

_BUG, _INTERRUPTED = 70, 130  # as in ``failures.Exit``, which may not be imported yet


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:  # the imports are in here, so that Ctrl-C during them ends without a traceback
        from entrypoints.cli.surroundings import settle_in

        settle_in()
        from entrypoints.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: nothing was done.\n")
        code = _INTERRUPTED
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.stderr.write("This is a bug: please report it with the lines above.\n")
        code = _BUG
    sys.exit(code)


if __name__ == "__main__":
    main()
