"""A hole that is known is told and fails; what nobody could tell is never taken for sound."""

from __future__ import annotations

import msgspec

from tests.security.advisories import judged

# As pip-audit 2.10 prints them.
SOUND = {"name": "yarl", "version": "1.25.1", "vulns": []}
HOLE = {
    "name": "aiohttp",
    "version": "3.14.5",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["99.0"], "aliases": ["CVE-2026-1"], "description": "s"}],
}
UNKNOWN = {"name": "wrapt", "skip_reason": "Dependency not found on PyPI and could not be audited: wrapt (2.5.2)"}


def report(*dependencies: object) -> bytes:
    return msgspec.json.encode({"dependencies": dependencies, "fixes": []})


def test_all_were_asked_for_and_are_sound():
    assert judged(report(SOUND)) == (0, ["S45 advisories: 0 known for 1 of 1 dependencies"])


def test_a_known_hole_fails_with_its_name_and_its_cure():
    code, lines = judged(report(SOUND, HOLE, UNKNOWN))
    assert code == 1
    assert lines[:2] == [
        "S45 advisories: 1 known for 2 of 3 dependencies",
        "    aiohttp 3.14.5: PYSEC-2026-1, CVE-2026-1; fixed in 99.0",
    ]
    assert "NOT ASKED for 1" in lines[2]


def test_what_the_index_knows_nothing_about_is_not_called_sound_nor_does_it_fail():
    code, (first, second) = judged(report(UNKNOWN, UNKNOWN))
    assert (code, first) == (0, "S45 advisories: 0 known for 0 of 2 dependencies")
    assert "NOT ASKED for 2" in second
    assert "--vulnerability-service osv" in second


def test_a_service_that_is_not_reached_is_said_with_its_reason():
    code, lines = judged(b"", "Traceback ...\nrequests.exceptions.ConnectionError: refused\n")
    assert (code, lines[0]) == (
        0,
        "S45 advisories: NOT ASKED, since pip-audit could not: requests.exceptions.ConnectionError: refused",
    )
