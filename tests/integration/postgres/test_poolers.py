"""Behind PgBouncer: session pooling serves, transaction pooling is refused at the start."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from contextlib import asynccontextmanager

import msgspec
import pytest

from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from domain.errors import StartFailure
from tests.containers import free_port
from tests.integration.postgres.peers import HOST

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooler(server, tmp_path_factory):
    @asynccontextmanager
    async def serving(mode: str):
        folder = tmp_path_factory.mktemp("pgbouncer")
        port = free_port()
        (folder / "users").write_text(f'"{server.user}" "{server.secret()}"\n')
        (folder / "ini").write_text(
            f"[databases]\n* = host={server.host} port={server.port}\n"
            f"[pgbouncer]\nlisten_addr={HOST}\nlisten_port={port}\npool_mode={mode}\n"
            f"auth_type=scram-sha-256\nauth_file={folder}/users\nunix_socket_dir=\n"
        )
        command = [PROGRAM, "--quiet", str(folder / "ini")]
        if os.geteuid() == 0:  # it refuses to be root
            for path in (*folder.parents[:2], folder):
                path.chmod(0o755)
            command[1:1] = ["--user", "nobody"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = await asyncio.create_subprocess_exec(*command, **quiet)
        try:
            await accepting(port)
            yield msgspec.structs.replace(server, host=HOST, port=port)
        finally:
            process.kill()
            await process.wait()

    return serving


async def accepting(port: int) -> None:
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError("pgbouncer did not come up")


async def test_a_pooler_that_lends_sessions_for_transactions_is_refused(pooler):
    for mode in ("transaction", "statement"):
        async with pooler(mode) as server:
            with pytest.raises(StartFailure, match=r"shares sessions between transactions\. Set pool_mode = session"):
                await PostgresPool(server, None, PoolLimits(ready=3, most=3)).open()


async def test_a_pooler_that_lends_sessions_for_as_long_as_they_live_is_fine(pooler):
    async with pooler("session") as server:
        pool = PostgresPool(server, None, PoolLimits(ready=3, most=3))
        await pool.open()
        async with pool.acquire(5) as connection:
            assert await connection.fetchval("SHOW lock_timeout") == "5s"
        await pool.close()
