"""The service as its users install it.

The library of the container imports these wherever it finds them, so as to fit them in. Here they are tools of the
tests and of the peer, and would count as memory of the service.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

NOT_INSTALLED = frozenset({"fastapi", "flask", "pydantic", "pydantic_settings", "starlette", "werkzeug", "yaml"})


class Absent(MetaPathFinder):
    """Finds none of them, and lets nobody else look."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] in NOT_INSTALLED:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, Absent())
    from entrypoints.cli.__main__ import main

    main()
