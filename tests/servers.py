"""The real servers that the tests run against; each test takes a database of its own in one.

They run with the durability that their images come with: a commit is on the disk when it is answered.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import minio

from adapters.minio.settings import MinioSettings
from domain.model.secret import Secret
from tests.containers import Container

PASSWORD = "p@ss w/o:rd#100%"  # nothing that SQL must escape, and all that a URL must


@dataclass(frozen=True)
class Database:
    """Where a database is, and who may enter it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    name: str

    @property
    def dsn(self) -> str:
        """All of it as a URL."""
        return f"{self.scheme}://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/{self.name}"


class Server(Container):
    """A server in a container, with databases.

    ``options`` go onto the server's command line; ``files`` are put into the container, by their paths. Where the
    server cannot be had, making one skips the test with the reason.
    """

    name: str
    scheme: str
    port_inside: int
    data_inside: str  # the folder that everything durable is in
    superuser: str
    system_database: str
    password_variable: str  # of the container, to say what the superuser's shall be

    def __init__(self, *options: str, files: Mapping[str, bytes] = {}) -> None:
        password = {self.password_variable: PASSWORD}
        super().__init__(self.name, self.port_inside, command=options, environment=password, files=files)
        self._numbers = count(1)

    @property
    def root(self) -> Database:
        """The way in for the user who may do everything."""
        return self._database(self.superuser, self.system_database)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A new, empty database whose user has rights in it alone; dropped at the end, whoever is connected.

        Whatever another test has done to the server, it runs when this begins.
        """
        self.start()
        database = self.create(next(self._numbers))
        try:
            yield database
        finally:
            self.start()
            self.drop(database)

    def keep_data_in(self, folder: Path) -> None:
        """Before it is started: keep everything durable in a folder of this machine."""
        self._docker.with_volume_mapping(folder, self.data_inside, "rw")

    def probe(self) -> None:
        """Ask for an answer over the network."""
        self.execute("SELECT 1")

    @abstractmethod
    def execute(self, *statements: str) -> str:
        """What the server answers to statements of its superuser, by its own client."""

    @abstractmethod
    def create(self, number: int) -> Database:
        """Make a database."""

    @abstractmethod
    def drop(self, database: Database) -> None:
        """Remove it with its user."""

    def _database(self, user: str, name: str) -> Database:
        return Database(self.scheme, self.host, self.port, user, PASSWORD, name)


class MySql(Server):
    """MySQL."""

    name = "mysql"
    scheme = "mysql"
    port_inside = 3306
    data_inside = "/var/lib/mysql"
    superuser = "root"
    system_database = "mysql"
    password_variable = "MYSQL_ROOT_PASSWORD"

    def execute(self, *statements: str) -> str:
        client = (self.name, "--protocol=tcp", "--user=root", "--batch", "--skip-column-names")
        return self.run(*client, "--execute", ";".join(statements), environment={"MYSQL_PWD": PASSWORD})

    def create(self, number: int) -> Database:
        name = f"test{number}"
        self.execute(
            f"CREATE DATABASE {name}",
            f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT ALL ON {name}.* TO '{name}'@'%'",
        )
        return self._database(name, name)

    def drop(self, database: Database) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {database.name}", f"DROP USER IF EXISTS '{database.user}'@'%'")


class MariaDb(MySql):
    """MariaDB."""

    name = "mariadb"
    scheme = "mariadb"


class Postgres(Server):
    """PostgreSQL."""

    name = "postgres"
    scheme = "postgresql"
    port_inside = 5432
    data_inside = "/var/lib/postgresql/data"
    superuser = "postgres"
    system_database = "postgres"
    password_variable = "POSTGRES_PASSWORD"

    def execute(self, *statements: str) -> str:
        client = ("psql", "--host=127.0.0.1", "--username=postgres", "--no-psqlrc", "--set=ON_ERROR_STOP=1")
        printing = ("--quiet", "--tuples-only", "--no-align")
        commands = [f"--command={statement}" for statement in statements]
        return self.run(*client, *printing, *commands, environment={"PGPASSWORD": PASSWORD})

    def create(self, number: int) -> Database:
        name = f"test{number}"
        self.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE {name} OWNER {name}",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
        )
        return self._database(name, name)

    def drop(self, database: Database) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)", f"DROP ROLE IF EXISTS {database.user}")


class Redis(Server):
    """Redis that confirms a write when it is in its synced log, and never evicts one; its databases are numbers."""

    name = "redis"
    scheme = "redis"
    port_inside = 6379
    data_inside = "/data"
    superuser = "default"
    system_database = "0"
    password_variable = "REDISCLI_AUTH"

    def __init__(self, *options: str, files: Mapping[str, bytes] = {}) -> None:
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
        super().__init__("--requirepass", PASSWORD, "--databases", "10000", *durable, *options, files=files)

    def probe(self) -> None:
        """Ask for an answer over the network."""
        self.execute("PING")

    def execute(self, *statements: str) -> str:
        return "\n".join(self._ask("0", *statement.split()) for statement in statements)

    def create(self, number: int) -> Database:
        return self._database(self.superuser, str(number))

    def drop(self, database: Database) -> None:
        self._ask(database.name, "FLUSHDB")

    def _ask(self, number: str, *command: str) -> str:
        return self.run("redis-cli", "-e", "-n", number, *command)


class OpenSearch(Container):
    """OpenSearch of one node, which asks nobody who he is; each test takes indexes with a prefix of its own."""

    name = "opensearch"
    ready_seconds = 300.0  # Java on a busy machine

    def __init__(self) -> None:
        environment = {
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",  # the disk is the other tests' too
            "indices.breaker.total.use_real_memory": "false",  # it counts garbage, which a serial collector leaves long
            "DISABLE_SECURITY_PLUGIN": "true",
            "DISABLE_INSTALL_DEMO_CONFIG": "true",
            "OPENSEARCH_JAVA_OPTS": "-Xms384m -Xmx384m",
        }
        super().__init__(self.name, 9200, environment=environment)
        self._numbers = count(1)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    def prefix(self) -> str:
        """Of names that no index has yet."""
        return f"test{next(self._numbers)}"

    def settings(self, **more: str) -> dict[str, str]:
        """The environment of a service that searches here, with indexes of its own."""
        self.start()
        own = {"TYPE": "opensearch", "URL": self.url, "PREFIX": self.prefix(), **more}
        return {f"PERSISTENCE__SEARCH__{name}": value for name, value in own.items()}

    def clear(self) -> None:
        """Remove every index and every template."""
        self.ask("DELETE", "/test*")
        self.ask("DELETE", "/_index_template/*")

    def probe(self) -> None:
        """Ask whether it takes documents."""
        self.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Its answer, as JSON; ``RuntimeError`` where there is none, or an error."""
        content = None if body is None else json.dumps(body).encode()
        asked = Request(self.url + path, content, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(asked, timeout=30) as answer:
                return json.load(answer)
        except (OSError, HTTPException) as error:
            raise RuntimeError(f"{method} {path}: {error}") from error


class Minio(Container):
    """An object store that speaks S3; each test takes a bucket of its own."""

    name = "minio"
    user = "persistence"

    def __init__(self) -> None:
        secrets = {"MINIO_ROOT_USER": self.user, "MINIO_ROOT_PASSWORD": PASSWORD}
        super().__init__(self.name, 9000, command=("server", "/data"), environment=secrets)
        self._numbers = count(1)

    def probe(self) -> None:
        """Ask whether it takes objects: it answers long before it does."""
        try:
            with urlopen(f"http://{self.host}:{self.port}/minio/health/cluster", timeout=5) as answer:
                answer.read()
        except (OSError, HTTPException) as error:
            raise RuntimeError(str(error)) from error

    def settings(self, port: int | None = None, **others: Any) -> MinioSettings:
        """The way into a bucket that does not exist yet; ``port``: of a way around."""
        given = {
            "endpoint": f"{self.host}:{port or self.port}",
            "bucket": f"test{next(self._numbers)}",
            "access_key": Secret(self.user),
            "secret_key": Secret(PASSWORD),
            "tls": False,
        }
        return MinioSettings(**(given | others))

    def create(self, bucket: str) -> None:
        """Make a bucket."""
        client = minio.Minio(f"{self.host}:{self.port}", self.user, PASSWORD, secure=False, region="us-east-1")
        client.make_bucket(bucket)
        client._http.clear()
