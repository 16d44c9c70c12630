"""Who may read a file of secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.keyring import key_file
from domain.errors import InvalidConfiguration
from domain.model.secret import exposure

ROOT, SERVICE = 0, 1000
FILE = Path("/run/secrets/key")


@pytest.mark.parametrize(
    ("owner", "mode"), [(SERVICE, 0o600), (SERVICE, 0o400), (ROOT, 0o600), (ROOT, 0o440), (ROOT, 0o100640)]
)
def test_the_group_may_read_what_root_owns_as_kubernetes_mounts_it(owner: int, mode: int):
    assert exposure(FILE, owner, mode) == ""


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o610, 0o644, 0o666])
def test_nobody_but_the_owner_has_rights_to_a_file_of_secrets(mode: int):
    found = f"{FILE} is open to others than its owner (mode {mode:o}); `chmod 600 {FILE}`"
    assert exposure(FILE, SERVICE, mode) == found
    assert exposure(FILE, ROOT, mode) == f"{found}, or `chmod 640 {FILE}` where the service reads it by its group"


@pytest.mark.parametrize("mode", [0o640, 0o440])
def test_the_group_has_no_rights_to_what_a_user_owns(file_of_a_user: Path, mode: int):
    file_of_a_user.chmod(mode)
    with pytest.raises(InvalidConfiguration, match=rf"keyring\.file: .* \(mode {mode:o}\)"):
        key_file.read_keys(file_of_a_user)


@pytest.fixture
def file_of_a_user(tmp_path: Path) -> Path:
    """A file of keys that is not root's, whoever runs the tests."""
    path = tmp_path / "keys.toml"
    key_file.create(path, "k1")
    if os.geteuid() == ROOT:
        os.chown(path, SERVICE, SERVICE)
    return path
