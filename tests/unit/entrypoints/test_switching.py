"""One route is changed in a configuration that a person wrote."""

from __future__ import annotations

import tomllib

import pytest

from entrypoints.switching import replace_durably, routed

WRITTEN = """# ours
data_dir = "/data"   # big disk

[backends.main]
type = "sqlite"
"""


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "\n[collections.translation_tasks]\nbackend = 'main'  # for now\non_failure = \"discard\"\n",
        "\n[collections]\ntranslation_tasks = { backend = 'main' }\n",
        "\n[collections]\ntranslation_tasks.backend = 'main'\n",
        "\n[collections.translation_sessions]\nbackend = 'main'\n",
    ],
)
def test_a_route_is_changed_and_everything_else_stays_as_it_was_written(rest):
    found = routed(WRITTEN + rest, "translation_tasks", "big")

    assert found.startswith(WRITTEN)
    before, after = tomllib.loads(WRITTEN + rest), tomllib.loads(found)
    before.setdefault("collections", {}).setdefault("translation_tasks", {})["backend"] = "big"
    assert after == before
    assert ("# for now" in found) is ("# for now" in rest)


def test_a_file_is_replaced_with_its_rights(tmp_path):
    file = tmp_path / "persistence.toml"
    file.write_text("old")
    file.chmod(0o640)
    replace_durably(file, "new")

    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)
    assert list(tmp_path.iterdir()) == [file]
