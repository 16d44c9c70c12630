"""What is not written here."""

import ast
import re
import subprocess

import pytest

from tests.architecture.house import PACKAGES, ROOT, dotted, name_of, nodes, place, sources, texts

BANNED_MODULES = {"utils", "helpers", "common", "misc", "base", "manager", "types"}
BANNED_WORDS = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"]))
MOCKS = re.compile("|".join(["unittest" + r"\.mock", "from unittest import " + "mock", "mock" + r"\.patch"]))
ALL = [*PACKAGES, "tests"]


def lines(paths):
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield path, number, line


def test_module_names_say_what_is_inside():
    assert [place(path) for path in sources(*ALL) if path.stem in BANNED_MODULES] == []


@pytest.mark.parametrize("pattern", [BANNED_WORDS, MOCKS], ids=["promises", "mocks"])
def test_banned_words_do_not_occur(pattern):
    assert [place(path, number) for path, number, line in lines(sources(*ALL)) if pattern.search(line)] == []


def test_every_ignored_type_error_is_named():
    bare = re.compile(r"#\s*type:\s*" + r"ignore(?!\[)")
    assert [place(path, number) for path, number, line in lines(sources(*ALL)) if bare.search(line)] == []


def test_the_environment_is_read_in_one_place():
    readers = {
        name_of(path)
        for path in sources()
        for node in nodes(path, ast.Attribute, ast.ImportFrom)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
        or (isinstance(node, ast.ImportFrom) and any(alias.name in {"environ", "getenv"} for alias in node.names))
    }
    assert readers == {"entrypoints.settings"}


def test_a_process_ends_where_it_begins():
    exits = {
        name_of(path)
        for path in sources()
        for node in nodes(path, ast.Call)
        if dotted(node.func) in {"sys.exit", "os._exit", "exit", "quit"}
    }
    assert exits == {"entrypoints.cli.__main__", "entrypoints.worker.__main__"}


def test_no_archive_is_unpacked():
    unpackers = {"zipfile", "tarfile", "zipimport", "shutil.unpack_archive"}
    found = [
        (name_of(path), name)
        for path in sources()
        for node in nodes(path, ast.Import, ast.ImportFrom)
        for alias in node.names
        for name in (alias.name, f"{getattr(node, 'module', '')}.{alias.name}", getattr(node, "module", ""))
        if name in unpackers
    ]
    called = [
        place(path, node.lineno)
        for path in sources()
        for node in nodes(path, ast.Attribute)
        if dotted(node) in unpackers
    ]
    assert (found, called) == ([], [])


def test_digests_are_compared_in_constant_time():
    compared = [
        place(path, node.lineno)
        for path in sources()
        for node in nodes(path, ast.Compare)
        if any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any((dotted(side) or "").endswith("digest") for side in (node.left, *node.comparators))
    ]
    assert compared == []


def test_ports_and_services_speak_of_values_not_of_dictionaries_of_anything():
    signatures = [
        (path, node)
        for path in (*sources("ports"), *sources("domain/services"))
        for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef)
    ]
    loose = [
        place(path, node.lineno)
        for path, node in signatures
        for annotation in [*(a.annotation for a in (*node.args.args, *node.args.kwonlyargs)), node.returns]
        if annotation is not None and re.search(r"(dict|Mapping)\[str, Any\]", ast.unparse(annotation))
    ]
    assert loose == []


def test_services_do_not_ask_the_machine_for_the_time():
    clocks = re.compile(r"\b(datetime\.now|datetime\.utcnow|time\.time|time\.monotonic|loop\.time)\(")
    assert [place(path, number) for path, number, line in lines(sources("domain")) if clocks.search(line)] == []


def test_the_repository_speaks_of_the_product_only():
    machine = re.compile("|".join(["/ro" + "ot/", "/wo" + "rk/", "pypi" + r"\.org", "pythonhosted" + r"\.org"]))
    assert [place(path, number) for path, number, line in lines(texts()) if machine.search(line)] == []


def test_the_top_level_holds_nothing_unexpected():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git working tree: an unpacked archive cannot tell what belongs to it")
    allowed = {*PACKAGES, "ops", "tests", "pyproject.toml", "README.md", "README.zh-CN.md", "Makefile", "CHANGELOG.md"}
    allowed |= {"CONTRIBUTING.md", "LICENSE"}
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} - allowed == set()
