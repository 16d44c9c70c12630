"""What lists beyond a page take and answer."""

from __future__ import annotations

from entrypoints.http.openapi.parameters import query
from entrypoints.http.openapi.shapes import Count, Shape

GROUP_BY = {
    **query("group_by", {"type": "string"}, "A field with few values."),
    "required": True,
    "example": "level",
}
METRICS = query("metrics", {"type": "string", "enum": ["count"], "default": "count"}, "What is told of each group.")
FORMAT = query("format", {"type": "string", "enum": ["ndjson", "csv"], "default": "ndjson"}, "How records are written.")


class Group(Shape, frozen=True, kw_only=True):
    """Records that have one value of a field."""

    value: str
    count: Count


class Groups(Shape, frozen=True, kw_only=True):
    """Records by the values of a field, the commonest first."""

    group_by: str
    groups: list[Group]
