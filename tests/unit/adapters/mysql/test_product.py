"""Which servers are supported."""

from __future__ import annotations

import pytest

from adapters.mysql.product import identify
from domain.errors import StartFailure


@pytest.mark.parametrize(
    ("version", "comment", "said"),
    [
        ("10.6.0-MariaDB", "MariaDB Server", "MariaDB 10.6.0"),
        ("10.11.19-MariaDB-0+deb12u1", "Debian 12", "MariaDB 10.11.19"),
        ("11.8.2", "mariadb.org binary distribution", "MariaDB 11.8.2"),
        ("8.0.19", "MySQL Community Server - GPL", "MySQL 8.0.19"),
        ("9.7.4-2", "(Debian)", "MySQL 9.7.4"),
        ("8.0.36-28.1", "Percona Server", "MySQL 8.0.36"),
    ],
)
def test_a_supported_server_is_named_with_its_version(version, comment, said):
    assert str(identify(version, comment, 1)) == said


@pytest.mark.parametrize(
    ("version", "comment", "said"),
    [
        ("10.5.23-MariaDB", "MariaDB Server", "MariaDB 10.5.23 is too old; 10.6.0 or newer is needed"),
        ("5.7.44", "MySQL Community Server", "MySQL 5.7.44 is too old; 8.0.19 or newer is needed"),
        ("8.0.18", "MySQL Community Server", "MySQL 8.0.18 is too old"),
        ("unknown", "", "'unknown', which is none of"),
    ],
)
def test_another_server_is_refused_with_a_sentence(version, comment, said):
    with pytest.raises(StartFailure, match=said):
        identify(version, comment, 1)
