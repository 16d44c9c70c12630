"""The backend types before anything is opened."""

from __future__ import annotations

import sys

import pytest

from adapters.mysql.backend_type import MYSQL, MysqlSettings
from domain.errors import InvalidConfiguration, StartFailure
from domain.model.secret import Secret
from ports.backend_type import BackendContext


@pytest.fixture
def context(tmp_path):
    return BackendContext(name="main", data_folder=tmp_path, collections=())


@pytest.mark.parametrize("dsn", ["mysql://me@host/base", "mariadb://me@host:3307/base"])
def test_a_backend_is_built_without_touching_anything(context, dsn):
    assert MYSQL.build(MysqlSettings(dsn=Secret(dsn), tls="required"), context)


def test_another_scheme_is_refused(context):
    with pytest.raises(InvalidConfiguration, match=r"^backends\.main\.dsn: expected mysql://user@host:3306/database"):
        MYSQL.build(MysqlSettings(dsn=Secret("postgresql://me:hunter2@host/base")), context)


@pytest.mark.parametrize("package", ["aiomysql"])
def test_a_missing_driver_is_told_with_the_command_that_brings_it(context, monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith(("adapters.mysql.", f"{package}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(StartFailure, match=rf"^backends\.main: the driver {package} is missing\. Run: make install"):
        MYSQL.build(MysqlSettings(dsn=Secret("mysql://me@host/base")), context)
