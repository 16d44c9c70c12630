"""The source as files and syntax trees."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDORED = "vendored"  # folders of files by others, unchanged: our rules are not theirs
PACKAGES = ("domain", "ports", "adapters", "entrypoints", "sql")


def sources(*folders):
    """Python files of the product, or of the given folders."""
    found = (path for folder in folders or PACKAGES for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if VENDORED not in path.parts)


def name_of(path):
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path):
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path, *kinds):
    """The nodes of some kinds in a file."""
    return [node for node in _walked(path) if isinstance(node, kinds)]


@cache
def _walked(path):
    return tuple(ast.walk(tree_of(path)))


def dotted(node):
    """The name that an expression is, such as ``sys.exit``; None for any other."""
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return owner and f"{owner}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def place(path, line=None):
    """How a file, or a line of it, is named in a failure."""
    text = str(path.relative_to(ROOT))
    return text if line is None else f"{text}:{line}"


def texts():
    """Every text file of the repository as it would be published, files of others left out."""
    skipped = {".git", ".venv", "__pycache__", "data", "build", "dist", VENDORED}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part in skipped or (part.startswith(".") and part.endswith("_cache")) for part in parts)
        if hidden or ".hypothesis" in parts or ".import_linter_cache" in parts or not path.is_file():
            continue
        if path.suffix in {".py", ".md", ".toml", ".sql", ".sh", ".cfg", ".yaml", ".json"} or not path.suffix:
            yield path
