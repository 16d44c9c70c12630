"""The keyring of a service: a reload exchanges keys, and never what a name stands for."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from domain.errors import InvalidConfiguration
from domain.model.secret import Secret
from entrypoints.encryption import Encryption
from entrypoints.sections import KeyringSettings
from entrypoints.settings import Settings


def key(first: int) -> Secret:
    return Secret(base64.b64encode(bytes(range(first, first + 32))).decode())


def ring(first: int, index: int, **others: Any) -> Settings:
    return Settings(keyring=KeyringSettings(active="k1", keys={"k1": key(first), **others}, index_key=key(index)))


@pytest.mark.parametrize(("first", "index", "said"), [(0, 64, r"keyring\.index_key"), (100, 32, "'k1' is another key")])
async def test_a_reload_takes_no_other_key_under_a_known_name(first: int, index: int, said: str) -> None:
    encryption = Encryption(ring(0, 32), lambda _: None)
    await encryption.open()
    with pytest.raises(InvalidConfiguration, match=said):
        encryption.prepare(ring(first, index))
    encryption.prepare(ring(0, 32, k2=key(150)))
