"""The board and the alert rules, judged by Prometheus itself on the metrics of a real service."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.api import Api, Json
from tests.e2e.service import REPOSITORY, Service, free_port

PROMETHEUS = REPOSITORY / "ops" / "prometheus"
BOARD = REPOSITORY / "ops" / "grafana" / "persistence.json"
SECONDS = 60
_METRIC = re.compile(r"\b(?:persistence|process)_[a-z_]+")
_ONLY_AFTER_TROUBLE = {"persistence_flush_retries_total", "persistence_flush_batch_records"}  # no series before it

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("promtool") and shutil.which("prometheus")),
    reason="Prometheus is not installed (Debian's package `prometheus`)",
)


def panels() -> Iterator[Json]:
    yield from (panel for panel in json.loads(BOARD.read_bytes())["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    """What the board asks, its variables filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expr.replace("$instance", ".*").replace("$__rate_interval", "1m") for expr in asked]


def promtool(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(("promtool", *arguments), input=text, capture_output=True, check=False, timeout=SECONDS)


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """A Prometheus that scrapes ``target`` each second by our configuration; yields its address."""
    text = (PROMETHEUS / "prometheus.yml").read_text()
    text = (
        text.replace("15s", "1s")
        .replace("127.0.0.1:8080", target)
        .replace("alerts.yml", str(PROMETHEUS / "alerts.yml"))
    )
    (folder / "prometheus.yml").write_text(text)
    address = f"127.0.0.1:{free_port()}"
    arguments = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'prometheus'}")
    with (folder / "prometheus.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            "prometheus", *arguments, f"--web.listen-address={address}", stdout=log, stderr=log
        )
        try:
            yield f"http://{address}/api/v1"
        finally:
            running.terminate()
            await running.wait()


async def asked(session: aiohttp.ClientSession, url: str, expression: str) -> list[Json]:
    async with session.get(f"{url}/query", params={"query": expression}) as answer:
        found = await answer.json()
    assert found["status"] == "success", (expression, found)
    return found["data"]["result"]


@needs_prometheus
def test_the_alert_rules_raise_what_they_promise() -> None:
    for arguments in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        ended = promtool(*arguments[:2], str(PROMETHEUS / arguments[2]))
        assert ended.returncode == 0, ended.stdout + ended.stderr


@needs_prometheus
async def test_every_panel_of_the_board_finds_its_metrics(service: Service, api: Api) -> None:
    await service.start()
    record = {"task_id": "t", "session_id": "s", "status": "pending", "source_text": "x"}
    assert (await api.post_batch("tasks", [record | {"source_lang": "en", "target_lang": "de"}])).status == 202
    await api.flush()
    folder = service.log.parent
    async with prometheus(folder, service.url.removeprefix("http://")) as url, aiohttp.ClientSession() as session:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    if await asked(session, url, "count_over_time(persistence_buffer_max_bytes[1m]) > 2"):
                        break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)
        for expression in expressions():
            found = await asked(session, url, expression)
            if not found:
                assert _ONLY_AFTER_TROUBLE & set(_METRIC.findall(expression)), expression
        async with session.get(f"{url}/rules") as answer:
            (group,) = (await answer.json())["data"]["groups"]
        assert [(rule["name"], rule["health"]) for rule in group["rules"]] == [
            ("PersistenceBacklogOld", "ok"),
            ("PersistenceCollectionPaused", "ok"),
            ("PersistenceDeadLetters", "ok"),
            ("PersistenceDecryptionFailed", "ok"),
        ]
        async with session.get(f"{service.url}/metrics") as answer:
            page = await answer.read()
    assert b"# HELP persistence_" in page
    linted = promtool("check", "metrics", text=page)
    assert linted.returncode != 1, linted.stderr  # 3 is advice on style


def test_board_and_rules_name_metrics_that_are_documented() -> None:
    documented = set(_METRIC.findall((REPOSITORY / "ops" / "docs" / "metrics.md").read_text()))
    rules = (PROMETHEUS / "alerts.yml").read_text()
    for text in (*expressions(), *re.findall(r"expr: (.*)", rules)):
        named = {re.sub(r"_bucket$", "", name) for name in _METRIC.findall(text)}
        assert named - {"process_resident_memory_bytes"} <= documented, text


def test_the_board_can_be_read() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles)) > 10
    for panel in panels():
        assert panel["description"].endswith((".", "%.")), panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
