"""The backend type before anything is opened."""

from __future__ import annotations

import sys

import pytest

from adapters.postgres.backend_type import POSTGRES, PostgresSettings
from domain.errors import InvalidConfiguration, StartFailure
from domain.model.secret import Secret
from ports.backend_type import BackendContext


@pytest.fixture
def context(tmp_path):
    return BackendContext(name="main", data_folder=tmp_path, collections=())


@pytest.mark.parametrize("dsn", ["postgresql://me@host/base", "postgres://me@host/base"])
def test_a_backend_is_built_without_touching_anything(context, dsn):
    assert POSTGRES.build(PostgresSettings(dsn=Secret(dsn), tls="required"), context)


def test_another_scheme_is_refused(context):
    with pytest.raises(
        InvalidConfiguration, match=r"^backends\.main\.dsn: expected postgresql://user@host:5432/database"
    ):
        POSTGRES.build(PostgresSettings(dsn=Secret("mysql://me:hunter2@host/base")), context)


def test_a_missing_driver_is_told_with_the_command_that_brings_it(context, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("adapters.postgres.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(
        StartFailure, match=r"^backends\.main: the driver asyncpg is missing\. Run: make install DRIVERS=yes"
    ):
        POSTGRES.build(PostgresSettings(dsn=Secret("postgresql://me@host/base")), context)
