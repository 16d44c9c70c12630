"""The real servers, each started when the first test asks for it and ended with the session."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import MariaDb, Minio, MySql, OpenSearch, Postgres, Redis, Server

collect_ignore = ["data"]  # among it a package with tests of its own, which run where it is installed


# How long an example takes is the machine's affair: no test fails for it.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Started by nohup, or in a shell's background, this process ignores a signal; so would those that a test sends it to.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def _fixture(kind: type[Server | Minio | OpenSearch], name: str = ""):
    @pytest.fixture(scope="session", name=name or kind.name)
    def server() -> Iterator[Server | Minio | OpenSearch]:
        with kind() as running:
            yield running

    return server


mariadb = _fixture(MariaDb)
minio = _fixture(Minio)
mysql = _fixture(MySql)
opensearch_server = _fixture(OpenSearch, "opensearch_server")
postgres = _fixture(Postgres)
redis = _fixture(Redis)


@pytest.fixture
def opensearch(opensearch_server: OpenSearch) -> Iterator[OpenSearch]:
    """OpenSearch, running again and emptied when the test ends: every index takes of its memory."""
    yield opensearch_server
    opensearch_server.start()
    opensearch_server.clear()
