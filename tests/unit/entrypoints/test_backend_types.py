"""Backend types that installed packages bring: really installed ones, in a folder on the module path."""

import json
import sys

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import InvalidConfiguration, UnknownBackend
from domain.model.built_in import BUILT_IN
from domain.model.translation import TASKS
from entrypoints.backends import build_backend
from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit
from entrypoints.container import Container
from entrypoints.settings import load_settings

SOUND = """
from adapters.memory.backend import MemoryBackend
from domain.model.secret import Secret
from ports.backend_type import BackendSettings, BackendType


class AcmeSettings(BackendSettings, frozen=True, kw_only=True):
    path: str
    retries: int = 3
    password: Secret = Secret("")


class Acme(MemoryBackend):
    probe = None  # it cannot say anything beforehand

    def __init__(self, settings, context):
        super().__init__()
        self.settings, self.context = settings, context


ACME = BackendType(AcmeSettings, Acme)
"""
TABLE = '[backends.main]\ntype = "acme"\npath = "{data_dir}/acme"\npassword = "hunter2"\n'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package: a module and its metadata, as an installer leaves them."""
    monkeypatch.chdir(tmp_path)

    def install(code=SOUND, *, package="acme-store", types=("acme",), entry_points=None):
        site = tmp_path / "site" / package
        module = package.replace("-", "_") + "_under_test"
        site.mkdir(parents=True)
        (site / f"{module}.py").write_text(code)
        metadata = site / f"{package.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = entry_points or [f"{name} = {module}:ACME" for name in types]
        (metadata / "entry_points.txt").write_text("\n".join(["[persistence.backends]", *lines]))
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


@pytest.fixture
def load(tmp_path):
    def load(text=TABLE, **environ):
        (tmp_path / "persistence.toml").write_text(text)
        return load_settings(environ=environ)

    return load


def test_an_installed_type_has_its_own_settings_and_builds_its_own_backend(install, load, tmp_path):
    install()
    settings = load(PERSISTENCE__BACKENDS__MAIN__RETRIES="5")
    backend = build_backend(settings, "main", BUILT_IN)

    assert isinstance(backend, MemoryBackend)
    assert (backend.settings.retries, backend.settings.password.reveal()) == (5, "hunter2")
    assert (backend.context.name, backend.context.collections) == ("main", BUILT_IN)
    assert backend.context.path(backend.settings.path) == tmp_path / "data" / "acme"


def test_it_may_stand_beside_a_built_in_one_and_keeps_what_is_routed_to_it(install, load):
    install()
    settings = load(
        TABLE.replace("main", "x") + '[backends.main]\ntype = "memory"\n[collections.translation_tasks]\nbackend = "x"'
    )
    container = Container(settings=settings)

    others = dict.fromkeys(("translation_sessions", "files", "users", "logs"), "main")
    assert container.registry().routes == {"translation_tasks": "x", **others}
    assert container.backends().adapters["x"].context.collections == BUILT_IN
    assert container.registry().backend(TASKS).health_check is not None


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('type = "acme"', "backends.main.path: is missing (in persistence.toml)."),
        ('type = "acme"\npath = 3', "backends.main.path: expected `str`, got `int` (in persistence.toml)."),
        (
            'type = "acme"\npath = ""\nptah = ""',
            "backends.main.ptah: there is no such setting; there are: path, retries, password (in persistence.toml).",
        ),
        (
            'type = "acme"\npath = ""\npassword = ["hunter2"]',
            "backends.main.password: expected `str`, got `list` (in persistence.toml).",
        ),
    ],
)
def test_its_settings_are_held_to_its_own_struct(install, load, table, sentence):
    install()
    with pytest.raises(InvalidConfiguration) as caught:
        load(f"[backends.main]\n{table}")
    assert str(caught.value) == sentence


def test_a_type_that_nobody_brings_is_told_what_there_is(install, load):
    install()
    with pytest.raises(UnknownBackend, match=r"^backends\.main\.type: 'oracle' is not .*: sqlite, memory, .*acme\)\.$"):
        load('[backends.main]\ntype = "oracle"')


def broken(change):
    return {"code": SOUND.replace(*change)}


@pytest.mark.parametrize(
    ("package", "fault"),
    [
        ({"code": "import nowhere_to_be_found"}, "it cannot be loaded: ModuleNotFoundError: No module named 'nowhere_"),
        ({"code": "def"}, "it cannot be loaded: SyntaxError: "),
        ({"code": "raise OSError('first line\\nsecond')"}, "it cannot be loaded: OSError: first line second."),
        ({"code": ""}, "it cannot be loaded: AttributeError: "),
        ({"code": "ACME = dict"}, "its entry point is a type, not a BackendType."),
        (broken(("BackendType(AcmeSettings", "BackendType(dict")), "its settings are not a struct derived from "),
        (broken(("BackendType(AcmeSettings", "BackendType(AcmeSettings(path='')")), "its settings are not a struct "),
        (broken(("path: str", "type: str")), "its settings have a field `type`, which"),
        (broken(("path: str", "path: 'Nothing'")), "it cannot be loaded: NameError: name 'Nothing'"),
        (broken(("Settings, Acme)", "Settings, 'Acme')")), "its constructor cannot be called."),
    ],
)
def test_a_broken_package_is_named_with_its_fault(install, load, package, fault):
    install(**package)
    with pytest.raises(UnknownBackend) as caught:
        load()
    assert str(caught.value).startswith(f"backends.main.type: the package acme-store brings 'acme', but {fault}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("super().__init__()", "raise KeyError('x')"), "the package acme-store cannot build it: KeyError: 'x'."),
        (
            ("probe = None", "probe = query = close = None"),
            "what the package acme-store builds is no backend; it lacks query, close.",
        ),
    ],
)
def test_a_constructor_that_fails_is_named_too(install, load, change, fault):
    install(SOUND.replace(*change))
    with pytest.raises(UnknownBackend) as caught:
        build_backend(load(), "main", BUILT_IN)
    assert str(caught.value).startswith(f"backends.main: {fault}")


def test_what_a_constructor_says_itself_is_left_as_it_is(install, load):
    says = "from domain.errors import InvalidConfiguration\n        raise InvalidConfiguration('No disc in drive.')"
    install(SOUND.replace("super().__init__()", says))
    with pytest.raises(InvalidConfiguration, match=r"^No disc in drive\.$"):
        build_backend(load(), "main", BUILT_IN)


def test_no_package_may_take_the_name_of_a_built_in_type(install, load):
    install(types=("acme", "sqlite"))
    with pytest.raises(UnknownBackend, match="the package acme-store brings a type 'sqlite', which is built in"):
        load()
    assert load("").backends["main"].type_name == "sqlite"  # packages are not looked at for a built-in type


def test_two_packages_with_one_name_are_both_named(install, load):
    install()
    install(package="other-store")
    with pytest.raises(UnknownBackend, match="the package acme-store and the package other-store both bring"):
        load()


def test_metadata_that_cannot_be_read_is_one_sentence(install, load):
    install(entry_points=["this line says nothing"])
    with pytest.raises(UnknownBackend, match=r"^backends\.main\.type: the entry points .* cannot be read: "):
        load()
    assert load("").backends["main"].type_name == "sqlite"


def test_the_configuration_is_shown_with_its_settings_and_without_its_secrets(install, load, capsys):
    install()
    load()
    assert run(["config", "show", "--json"]) == Exit.OK
    shown = capsys.readouterr().out
    assert json.loads(shown)["backends"] == {
        "main": {"type": "acme", "path": "{data_dir}/acme", "retries": 3, "password": "********"}
    }
    assert run(["config", "show"]) == Exit.OK
    assert '[backends.main]\ntype = "acme"\npath = "{data_dir}/acme"\n' in capsys.readouterr().out


PROBE = """async def probe(self):
        from domain.errors import BackendUnavailable, SchemaMismatch
        from ports.probing import Outlook
        %s
"""


@pytest.mark.parametrize(
    ("probe", "verdict", "detail"),
    [
        ("probe = None", "ok", "acme, which shows itself only when it is opened"),
        (PROBE % "return Outlook('Acme 9')", "ok", "Acme 9"),
        (PROBE % "return Outlook('Acme 9, which forgets', warning=True)", "warning", "Acme 9, which forgets"),
        (
            PROBE % "raise BackendUnavailable('No answer.')",
            "warning",
            "No answer. Until it answers, records wait in the journal.",
        ),
        (PROBE % "raise SchemaMismatch('No table.')", "failure", "No table."),
        ("query = None", "failure", "backends.main: what the package acme-store builds is no backend; it lacks query."),
    ],
)
def test_it_is_judged_by_persistence_check(install, load, capsys, monkeypatch, probe, verdict, detail):
    monkeypatch.setenv("PERSISTENCE__SERVER__PORT", "0")
    install(SOUND.replace("probe = None", probe))
    load()
    code = run(["check", "--json"])
    found = {each["what"]: each for each in json.loads(capsys.readouterr().out)}["backend main"]
    assert (found["verdict"], found["detail"]) == (verdict, detail)
    assert code == (Exit.CONFIGURATION if verdict == "failure" else Exit.OK)


def test_a_broken_package_ends_a_command_with_one_sentence_and_its_code(install, load, capsys):
    install("import nowhere_to_be_found")
    with pytest.raises(UnknownBackend):
        load()
    assert run(["serve", "--port", "0"]) == Exit.CONFIGURATION
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: backends.main.type: the package acme-store brings 'acme', but it cannot be loaded")
