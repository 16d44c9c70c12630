"""What an operator or a caller may meet is written down."""

import re
import tomllib

import msgspec
import pytest

from domain import errors
from domain.errors import PersistenceError, StartFailure
from domain.model.translation import BUILT_IN
from entrypoints.http.errors import STATUS, kinds, status_of
from entrypoints.settings import Settings, load_settings
from tests.architecture.house import ROOT

EXAMPLE = ROOT / "ops" / "example.toml"


def all_errors(kind=PersistenceError):
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == "domain.errors":
            yield from all_errors(below)


def keys(tree, path=""):
    for key, value in tree.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{path}{key}.")


def test_the_example_configuration_is_the_default():
    assert load_settings(EXAMPLE, environ={}).shown() == Settings().shown()


def test_the_example_configuration_names_every_setting():
    text = EXAMPLE.read_text(encoding="utf-8")
    said = set(keys(tomllib.loads(re.sub(r"(?m)^# (?=on_failure)", "", text))))
    assert set(keys(Settings().shown())) - said == set()


def test_the_example_configuration_explains_every_setting():
    text = EXAMPLE.read_text(encoding="utf-8")
    uncommented = re.sub(r"(?m)^# (?=on_failure)", "", text)
    for name, value in keys_and_structs(Settings()):
        assert re.search(rf"(?m)^{name} = ", uncommented), name
        del value


@pytest.mark.parametrize("collection", BUILT_IN, ids=lambda collection: collection.name)
def test_the_readme_names_every_field_and_value_of_a_record(collection):
    (row,) = re.findall(rf"(?m)^\| {collection.noun} \|.*", (ROOT / "README.md").read_text(encoding="utf-8"))
    _, _, required, optional, choices, _ = (cell.strip() for cell in row.split("|"))
    assert re.findall(r"`(\w+)`", required) == [field.name for field in collection.fields if field.required]
    assert re.findall(r"`(\w+)`", optional) == [field.name for field in collection.fields if not field.required]
    assert choices == ", ".join(collection.by_name["status"].choices)


def keys_and_structs(struct):
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, msgspec.Struct):
            yield from keys_and_structs(value)
        elif not isinstance(value, dict):
            yield field.name, value


@pytest.mark.parametrize("kind", [*all_errors()], ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_is_and_what_to_do(kind):
    assert re.fullmatch(r"[a-z][a-z_]*", kind.code)
    assert kind.__doc__.strip().splitlines()[0].endswith(".")
    assert kind.cure.rstrip().endswith(".")
    assert kind().detail


def test_every_stop_that_contributors_are_shown_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    stops = re.findall(r"`([a-z_/]+\.py)(?:: ([\w.]+))?`", text)
    assert len(stops) > 20
    for path, names in stops:
        source = (ROOT / path).read_text(encoding="utf-8")
        for name in filter(None, names.split(".")):
            assert re.search(rf"\b(def|class) {name}\b", source), f"{path}: {name}"


def test_no_two_errors_share_a_code():
    codes = {}
    for kind in all_errors():
        codes.setdefault(kind.code, []).append(kind)
    shared = {code: kinds for code, kinds in codes.items() if len(kinds) > 1}
    # what a caller is told about a bug of ours has the code of the root
    assert shared == {"internal_error": [PersistenceError, errors.UnexpectedFailure]}


def test_the_tree_in_the_module_text_is_the_tree():
    drawn = [
        (len(match[1]) // 4, match[2])
        for match in re.finditer(r"(?m)^([│├└─ ]*)([A-Z]\w+)\b", errors.__doc__.partition("\n\n")[2])
    ]

    def walk(kind, depth=0):
        yield depth, kind.__name__
        for below in kind.__subclasses__():
            if below.__module__ == "domain.errors":
                yield from walk(below, depth + 1)

    assert sorted(drawn) == sorted(walk(PersistenceError))


def test_every_error_has_a_status_and_a_page():
    explained = {kind.code for kind in kinds()}
    for kind in all_errors():
        assert kind.code in explained
        expected = 500 if issubclass(kind, StartFailure) else None
        assert status_of(kind) == expected or status_of(kind) in set(STATUS.values())
