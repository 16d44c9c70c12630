"""Which server a session leads to, and whether it is one that the service supports."""

from __future__ import annotations

import re

import msgspec

from domain.errors import StartFailure

_OLDEST = {"MariaDB": (10, 6, 0), "MySQL": (8, 0, 19)}  # MySQL: the first with the row alias of an upsert


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself."""

    name: str  # MySQL or MariaDB
    version: tuple[int, int, int]
    max_packet: int  # bytes that one statement may have

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"

    @property
    def is_mariadb(self) -> bool:
        """Whether it speaks MariaDB's dialect."""
        return self.name == "MariaDB"


def identify(version: str, comment: str, max_packet: int) -> Product:
    """The server behind ``@@version`` and ``@@version_comment``. Raises StartFailure where it is too old."""
    name = "MariaDB" if "mariadb" in f"{version} {comment}".lower() else "MySQL"
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers is None:
        raise StartFailure(f"The server calls its version {version[:80]!r}, which is none of MySQL or MariaDB.")
    major, minor, patch = map(int, numbers.groups())
    product = Product(name=name, version=(major, minor, patch), max_packet=max_packet)
    if product.version < _OLDEST[name]:
        oldest = ".".join(map(str, _OLDEST[name]))
        raise StartFailure(f"{product} is too old; {oldest} or newer is needed. Upgrade the server.")
    return product
