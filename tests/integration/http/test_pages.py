from __future__ import annotations

import html
import json
import re

import pytest

from entrypoints.http import pages
from entrypoints.http.errors import kinds
from tests.integration.http.running import Running

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_the_documentation_is_served_with_everything_it_needs_and_may_load_nothing_else(service: Running) -> None:
    status, page, response = await service.get("/docs")
    assert (status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    needed = re.findall(rb'(?:src|href)="(/docs/[^"]+)"', page)
    assert len(needed) == len(pages.FILES)
    for path in needed:
        status, content, response = await service.get(path.decode())
        assert status == 200
        assert len(content) > 100
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"] in ("text/css; charset=utf-8", "text/javascript; charset=utf-8")
        assert response.headers["X-Request-Id"]
    unchanged = {"If-None-Match": response.headers["ETag"]}
    assert (await service.get(needed[-1].decode(), headers=unchanged))[0] == 304


@pytest.mark.parametrize("name", ["nothing.js", "docs.html", "..%2Fdocs.html", "%2e%2e%2fpages.py"])
async def test_no_other_file_is_served(service: Running, name: str) -> None:
    status, problem, _ = await service.get(f"/docs/{name}")
    assert (status, problem["code"]) == (404, "route_not_found")


async def test_the_first_page_leads_everywhere(service: Running) -> None:
    status, page, response = await service.get("/", headers=BROWSER)
    assert (status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert response.headers["Vary"] == (await service.get("/"))[2].headers["Vary"] == "Accept"
    text = page.decode()
    assert "$" not in text
    for word in (service.services.about.version, "translation_tasks", "conditional writes", "batch records", "10,000"):
        assert word in text
    leads = re.findall(r'href="(/[^"]*)"', text)
    assert {f"/problems/{kind.code}" for kind in kinds()} | {"/docs", "/openapi.json", "/metrics"} <= set(leads)
    for lead in leads:
        assert (await service.get(lead, headers=BROWSER))[0] == 200, lead


async def test_every_problem_has_a_page_for_people(service: Running) -> None:
    for kind in kinds():
        status, page, response = await service.get(f"/problems/{kind.code}", headers=BROWSER)
        assert (status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        text = page.decode()
        assert kind.code in text
        assert "$" not in text
        prose, example = re.fullmatch(r"(.*)<pre>(.*)</pre>.*", text, re.DOTALL).groups()
        assert re.findall("`", prose) == []
        assert json.loads(html.unescape(example))["code"] == kind.code
        _, found, _ = await service.get(f"/problems/{kind.code}")
        assert found["cause"].endswith(".")
        assert found["cause"].rstrip(".") != found["title"]
        assert (found["example"]["code"], found["example"]["cure"]) == (kind.code, kind.cure)
        assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("TEXT/HTML; charset=utf-8", "text/html; charset=utf-8"),
    ],
)
async def test_who_gets_the_page_is_decided_by_what_it_accepts(service: Running, accept: str, kind: str) -> None:
    _, _, response = await service.get("/problems/conflict", headers={"Accept": accept})
    assert response.headers["Content-Type"] == kind
    assert (await service.get("/problems/nothing", headers=BROWSER))[1]["code"] == "route_not_found"
