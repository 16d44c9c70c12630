"""Every storage backend under its contract."""

from __future__ import annotations

from persistence_contract.suite import *
from tests.contract.adapters import ABILITIES, OPTIONAL


def test_each_backend_has_the_abilities_that_the_table_says(backend, kind):
    assert {ability for ability in OPTIONAL if isinstance(backend, ability)} == ABILITIES[kind]
