"""What an operator or a caller may meet is written down."""

import ast
import re
import tomllib

import click
import msgspec
import pytest

from domain import errors
from domain.errors import PersistenceError, StartFailure
from domain.model.built_in import BUILT_IN
from entrypoints.backend_types import BUILT_IN_TYPES
from entrypoints.cli.app import cli
from entrypoints.http.errors import STATUS, kinds, status_of
from entrypoints.http.routes import ROUTES
from entrypoints.settings import Settings, load_settings
from tests.architecture.house import ROOT, dotted, nodes, place, sources
from tests.architecture.markdown import code, sections

EXAMPLE = ROOT / "ops" / "example.toml"
README = ROOT / "README.md"


def all_errors(kind=PersistenceError):
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.startswith("domain.errors"):
            yield from all_errors(below)


def keys(tree, path=""):
    for key, value in tree.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{path}{key}.")


def test_the_example_configuration_is_the_default():
    assert load_settings(EXAMPLE, environ={}).shown() == Settings().shown()


def test_the_example_configuration_names_every_setting():
    said = set(keys(tomllib.loads(uncommented())))
    assert set(keys(Settings().shown())) - said == set()


def test_the_example_configuration_names_every_setting_of_every_backend_type():
    tables = tomllib.loads(uncommented())["backends"].values()
    for name, kind in BUILT_IN_TYPES.items():
        said = {key for table in tables if BUILT_IN_TYPES[table["type"]] is kind for key in table}
        settings = {field.name for field in msgspec.structs.fields(kind.settings)}
        assert settings - said == set(), f"ops/example.toml has no (commented) table of the type {name} with these"


def test_the_example_configuration_is_sound_with_everything_in_it(tmp_path):
    (tmp_path / "all.toml").write_text(uncommented().replace("SECRET", "by-chance-9f2c"), encoding="utf-8")
    (tmp_path / "all.toml").chmod(0o600)  # there are keys in it
    load_settings(tmp_path / "all.toml", environ={"PERSISTENCE__AUTH__MODE": "keys"})  # for whose sake some of it is


def uncommented():
    """The example with what stands in comments: keys that are not at their default, tables that are optional."""
    return re.sub(r"(?m)^# (?=[a-z_]+ = |\[[a-z])", "", EXAMPLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("collection", BUILT_IN, ids=lambda collection: collection.name)
def test_the_readme_names_every_field_and_value_of_a_record(collection):
    (row,) = re.findall(rf"(?m)^\| {collection.noun} \|.*", README.read_text(encoding="utf-8"))
    _, _, required, optional, choices, _ = (cell.strip() for cell in row.split("|"))
    assert re.findall(r"`(\w+)`", required) == [field.name for field in collection.fields if field.required]
    assert re.findall(r"`(\w+)`", optional) == [field.name for field in collection.fields if not field.required]
    status = collection.by_name.get("status")
    assert choices == ", ".join(status.choices if status else ())


def test_the_readme_names_every_address():
    rows = re.findall(r"(?m)^\| (`(?:GET|POST|PUT|PATCH|DELETE)\b[^|]*) \|", README.read_text(encoding="utf-8"))
    said = {address for row in rows for shown in code(row) for address in spread(shown)}
    served = {re.sub(r"{\w+_id}", "{id}", route.template) for route in ROUTES} - {"/docs/{file}"}
    assert said == served


def spread(shown):
    """``GET /a/{b,c}/{id}`` → ``/a/b/{id}``, ``/a/c/{id}``; without an address nothing."""
    path = shown.rpartition(" ")[2].partition("?")[0]
    several = re.search(r"{(\w+(?:,\w+)+)}", path)
    if several:
        return [path.replace(several[0], word) for word in several[1].split(",")]
    return [path] * path.startswith("/")


def test_the_readme_names_every_command():
    (table,) = (section.text for section in sections(README.read_text(encoding="utf-8")) if "| `serve`" in section.text)
    cells = [re.split(r"(?<!\\)\|", row)[1] for row in re.findall(r"(?m)^\| `.*", table)]
    said = {shown: [name for name in leaves() if f"{shown} ".startswith(f"{name} ")] for shown in code(" ".join(cells))}
    assert [shown for shown, names in said.items() if not names] == []
    assert sorted(name for names in said.values() for name in names) == sorted(leaves())


def leaves(group=cli, path=""):
    """The commands by their names, those of a group with its name before."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{word} ")
        else:
            yield path + word


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
            if below.__module__.startswith("domain.errors"):
                yield from walk(below, depth + 1)

    assert sorted(drawn) == sorted(walk(PersistenceError))


def test_every_error_has_a_status_and_a_page():
    explained = {kind.code for kind in kinds()}
    for kind in all_errors():
        assert kind.code in explained
        expected = 500 if issubclass(kind, StartFailure) else None
        assert status_of(kind) == expected or status_of(kind) in set(STATUS.values())


def test_what_receipts_and_dead_letters_say_has_a_page():
    told = {"Unstored", "WriteException", "DeadLetter"}
    codes = [
        (place(path), given.value.value)
        for path in sources()
        for call in nodes(path, ast.Call)
        if dotted(call.func) in told
        for given in call.keywords
        if given.arg == "code" and isinstance(given.value, ast.Constant)
    ]
    assert codes == [], "take the code of an error class, so that /problems/{code} explains it"
