"""Sizes that keep the house readable."""

import ast
from statistics import median

from tests.architecture.house import name_of, nodes, place, sources, tree_of

FILE_LINES = 400
FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 8
PARAMETERS = 6  # that a caller must give by position
PORT_METHODS = 6
CONTAINER_LINES = 120
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions():
    for path in sources():
        for node in nodes(path, *FUNCTIONS):
            yield path, node, node.end_lineno - node.lineno + 1


def test_no_file_is_too_long():
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {path: length for path, length in lengths.items() if length > FILE_LINES} == {}


def test_no_function_is_too_long():
    assert [place(path, node.lineno) for path, node, length in functions() if length > FUNCTION_LINES] == []


def test_functions_are_short_as_a_rule():
    assert median(length for *_, length in functions()) <= MEDIAN_FUNCTION_LINES


def test_functions_outside_of_constructors_take_few_parameters():
    long = [
        place(path, node.lineno)
        for path, node, _ in functions()
        if node.name != "__init__" and len([a for a in node.args.args if a.arg not in ("self", "cls")]) > PARAMETERS
    ]
    assert long == []


def test_a_port_is_small():
    ports = [(path, node) for path in sources("ports") for node in nodes(path, ast.ClassDef) if is_protocol(node)]
    assert len(ports) >= 10
    sizes = {
        f"{name_of(path)}.{node.name}": len([m for m in node.body if isinstance(m, FUNCTIONS)]) for path, node in ports
    }
    assert {name: size for name, size in sizes.items() if size > PORT_METHODS} == {}


def is_protocol(node):
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def test_the_composition_root_fits_a_screen():
    (container,) = [path for path in sources("entrypoints") if name_of(path) == "entrypoints.container"]
    assert len(container.read_text(encoding="utf-8").splitlines()) < CONTAINER_LINES
    assert not [node for node in ast.walk(tree_of(container)) if isinstance(node, (*FUNCTIONS, ast.Lambda))]
