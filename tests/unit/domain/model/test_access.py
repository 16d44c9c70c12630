"""Scopes and what they give."""

from __future__ import annotations

import pytest

from domain.errors import InvalidParameter
from domain.model.access import ANYBODY, NOBODY, Principal, PrincipalKind, Right, checked_scopes

NAMES = ("users", "logs")


def caller(*scopes: str) -> Principal:
    return Principal(kind=PrincipalKind.KEY, id="k", scopes=frozenset(scopes))


def test_a_bare_right_holds_everywhere_and_a_narrow_one_in_its_collection():
    assert caller("read").may(Right.READ, "users")
    assert caller("read:users").may(Right.READ, "users")
    assert not caller("read:users").may(Right.READ, "logs")
    assert not caller("read:users").may(Right.READ)
    assert caller("read:users").may_some(Right.READ)


def test_no_right_contains_another():
    for held in Right:
        assert [right for right in Right if caller(held).may(right, "users")] == [held]


def test_nobody_may_nothing_and_anybody_everything():
    assert not any(NOBODY.may_some(right) for right in Right)
    assert all(ANYBODY.may(right) for right in Right)
    assert NOBODY.name is None
    assert caller().name == "key:k"


@pytest.mark.parametrize("scope", ["reads", "read:", "read:nothing", "read users", "", "*", "READ", "read:users:logs"])
def test_a_scope_that_means_nothing_is_refused_by_name(scope):
    with pytest.raises(InvalidParameter, match="is no scope"):
        checked_scopes(["read", scope], NAMES)


def test_scopes_that_mean_something_are_taken():
    assert checked_scopes(["read:users", "admin", "admin"], NAMES) == {"read:users", "admin"}


def test_a_scope_that_begins_like_a_right_is_none():
    reader = caller("readonly", "reader:users")
    assert not reader.may_some(Right.READ)
    assert not reader.may(Right.READ, "users")
