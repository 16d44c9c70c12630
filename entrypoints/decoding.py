"""From a tree of plain values to typed settings; what is wrong is said in one sentence, with its place."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from domain.errors import InvalidConfiguration
from domain.model.secret import Secret

PREFIX = "PERSISTENCE__"

Tree = dict[str, Any]  # TOML as it is decoded, before the types judge it
T = TypeVar("T")


class Sources(msgspec.Struct, frozen=True):
    """Where settings were written."""

    file: str
    variables: Mapping[tuple[str, ...], str]  # of the environment: their text by the path that they set

    def place_of(self, keys: tuple[str, ...]) -> str:
        """The variable that set what is at this path or below it, else the file."""
        blamed = {path[: len(keys)]: path for path in self.variables}
        variable = blamed.get(keys)
        return PREFIX + "__".join(variable).upper() if variable else self.file


def decode(tree: object, kind: type[T], sources: Sources, *, under: tuple[str, ...] = ()) -> T:
    """Settings of a type from the table at a path. Raises InvalidConfiguration naming the key and where it was set."""
    try:
        return _convert(tree, kind)
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(_sentence(str(error), tree, kind, sources, under)) from error


def _convert(tree: object, kind: type[T]) -> T:
    # Not strict: a variable of the environment is always text.
    return msgspec.convert(tree, kind, strict=False, dec_hook=_decode_secret)


def _decode_secret(kind: type, value: object) -> Secret:
    if kind is not Secret:
        raise ValueError(f"A `{kind.__name__}` cannot be written in a configuration")
    if not isinstance(value, str):
        raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
    return Secret(value)


def _sentence(message: str, tree: object, kind: type, sources: Sources, under: tuple[str, ...]) -> str:
    """``Expected `int`, got `str` - at `$.server.port``` → ``server.port: expected ... (in persistence.toml)``."""
    fault, _, place = message.partition(" - at `")
    if place.startswith("key` in"):
        fault = "a name has small letters, digits and `_`, and begins with a letter"
    keys = [key for key in place.partition("$")[2].rstrip("`").replace("[...]", ".*").split(".") if key]
    if "*" in keys:
        keys[keys.index("*")] = _culprit(tree, kind, keys[: keys.index("*")])
    if "enum" in fault:
        fault += _known(kind, keys)
    unknown = re.search(r"unknown field `(.+)`", fault) or re.search(r"missing required field `(.+)`", fault)
    if unknown:
        fault = f"there is no such setting{_known(kind, keys)}" if "unknown" in fault else "is missing"
        keys.append(unknown[1])
    where = sources.place_of((*under, *keys))
    return f"{'.'.join((*under, *keys)) or 'The file'}: {fault[0].lower()}{fault[1:]} (in {where})."


def _culprit(tree: Any, kind: type, path: Sequence[str]) -> str:  # Any: whatever was written
    """Which of the named tables at a path is wrong: msgspec does not tell."""
    for name, table in functools.reduce(operator.getitem, path, tree).items():
        try:
            _convert(functools.reduce(lambda below, key: {key: below}, [name, *reversed(path)], table), kind)
        except msgspec.ValidationError:
            return str(name)
    return "*"


def _known(settings: type, keys: Sequence[str]) -> str:
    """What there is at a place: the settings of a table, or the values of a choice."""
    kind: object = msgspec.inspect.type_info(settings)
    for key in keys:
        fields = {field.name: field.type for field in getattr(kind, "fields", ())}
        kind = fields.get(key) or getattr(kind, "value_type", None)
    words = [field.name for field in getattr(kind, "fields", ())]
    for part in getattr(kind, "types", (kind,)):
        words += getattr(part, "values", ())
    return f"; there are: {', '.join(words)}" if words else ""
