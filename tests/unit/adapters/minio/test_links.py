"""Signed addresses, beside those of the driver and of the standard's own example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import minio
import msgspec
import pytest

from adapters.minio.links import signed_link
from adapters.minio.object_store import MinioObjectStore
from adapters.minio.settings import MinioSettings
from domain.errors import InvalidConfiguration
from domain.model.links import Shown, Validity
from domain.model.secret import Secret

SETTINGS = MinioSettings(
    endpoint="store.example:9000",
    bucket="files",
    access_key=Secret("AKIAIOSFODNN7EXAMPLE"),
    secret_key=Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
)
VALID = Validity(since=datetime(2013, 5, 24, tzinfo=UTC), seconds=86400)
PDF = Shown(content_type="application/pdf", disposition="attachment; filename=\"Gr__e.pdf\"; filename*=UTF-8''Gr%C3%BC")


def others(**changes):
    return msgspec.structs.replace(SETTINGS, **changes)


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, others(tls=False), others(region="eu-central-1"), others(endpoint="s3.amazonaws.com")],
    ids=["a store", "in the clear", "another region", "Amazon's"],
)
@pytest.mark.parametrize("query", [{}, {"response-content-disposition": 'a; b="c d"\'ä&=/+~'}], ids=["plain", "query"])
def test_without_other_headers_the_driver_signs_the_same(settings, query):
    client = minio.Minio(
        settings.endpoint,
        settings.access_key.reveal(),
        settings.secret_key.reveal(),
        secure=settings.tls,
        region=settings.region,
    )
    theirs = client.get_presigned_url(
        "GET", "files", "ab-1", timedelta(seconds=86400), query, request_date=VALID.since.replace(tzinfo=UTC)
    )
    ours = signed_link(settings, "GET", "ab-1", VALID, query=query)

    assert parse_qs(urlsplit(ours.url).query) == parse_qs(urlsplit(theirs).query)
    assert urlsplit(ours.url)[:3] == urlsplit(theirs)[:3]
    assert (ours.headers, ours.expires_at) == ({}, VALID.since + timedelta(days=1))


def test_what_a_request_must_have_is_signed():
    store = MinioObjectStore(SETTINGS)
    link = store.link_to_put("ab-1", VALID, size=7, sha256=bytes(32))
    changed = store.link_to_put("ab-1", VALID, size=8, sha256=bytes(32))

    assert link.headers == {
        "Content-Length": "7",
        "If-None-Match": "*",
        "x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }
    signed = parse_qs(urlsplit(link.url).query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;host;if-none-match;x-amz-checksum-sha256"]
    assert signed["X-Amz-Signature"] != parse_qs(urlsplit(changed.url).query)["X-Amz-Signature"]


def test_what_is_shown_is_signed():
    signed = parse_qs(urlsplit(MinioObjectStore(SETTINGS).link_to_get("ab-1", VALID, PDF).url).query)

    assert signed["response-content-type"] == [PDF.content_type]
    assert signed["response-content-disposition"] == [PDF.disposition]
    assert signed["X-Amz-Expires"] == ["86400"]


def test_the_secret_is_in_no_link():
    store = MinioObjectStore(SETTINGS)
    for link in (store.link_to_get("ab-1", VALID, PDF), store.link_to_put("ab-1", VALID, size=1, sha256=bytes(32))):
        assert "wJalr" not in link.url


def test_links_name_the_host_that_clients_reach():
    link = signed_link(others(public_endpoint="files.example"), "GET", "ab-1", VALID)

    assert link.url.startswith("https://files.example/files/ab-1?")


@pytest.mark.parametrize("name", ["../ab", "ab/cd", "", "a?b=c", "ab#", "ab%2f"])
def test_an_odd_name_gets_no_link(name):
    store = MinioObjectStore(SETTINGS)
    with pytest.raises(ValueError, match="not the name"):
        store.link_to_get(name, VALID, PDF)
    with pytest.raises(ValueError, match="not the name"):
        store.link_to_put(name, VALID, size=1, sha256=bytes(32))


@pytest.mark.parametrize("endpoint", ["http://there", "there/path", "there:port", "there?x=y"])
async def test_a_public_endpoint_that_is_none_is_named_at_the_start(endpoint):
    with pytest.raises(InvalidConfiguration, match=r"objects\.public_endpoint"):
        await MinioObjectStore(others(public_endpoint=endpoint)).open()
