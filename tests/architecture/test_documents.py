"""The documents lead where they say, and both languages of the README say the same."""

import re
import subprocess
from urllib.parse import unquote

import pytest

from tests.architecture.house import ROOT, place, texts
from tests.architecture.markdown import anchors, code, fences, links, sections

DOCUMENTS = [path for path in texts() if path.suffix == ".md"]
README, TRANSLATION = ROOT / "README.md", ROOT / "README.zh-CN.md"
PICTURE = ROOT / "ops" / "docs" / "architecture.svg"


def read(path):
    return path.read_text(encoding="utf-8")


def broken(path, link):
    """Why a link of a document leads nowhere; None where it leads somewhere."""
    address, _, anchor = unquote(link).partition("#")
    if re.match(r"https://[\w.-]+\.\w+(/|$)", link):
        return None  # another's page: whether it is there today is not ours to test
    target = path if not address else (path.parent / address)
    if ":" in address or address.startswith("/") or not target.exists():
        return f"{link}: there is no such file"
    if not target.resolve().is_relative_to(ROOT):
        return f"{link}: outside of the repository"
    if anchor and anchor not in anchors(read(target)):
        return f"{link}: there is no such heading"
    return None


@pytest.mark.parametrize("path", DOCUMENTS, ids=place)
def test_every_link_leads_somewhere(path):
    assert [fault for link in links(read(path)) if (fault := broken(path, link))] == []


def test_a_link_that_leads_nowhere_is_noticed():
    document = '[a](README.md#nowhere) [b](no/file.md) ![c](/tmp) <img src="ops/none.svg"> [d](#no) `[e](f)`\n# Ça va'
    assert [bool(broken(README, link)) for link in links(document)] == [True] * 5
    assert [broken(README, link) for link in ("CONTRIBUTING.md#the-house", "ops/decisions", "https://a.example/b")] == [
        None
    ] * 3
    assert anchors(document + "\n## `x` & *y*: z?\n## Ça va") == ["ça-va", "x--y-z", "ça-va-1"]


def test_what_is_linked_is_in_the_repository():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git working tree: an unpacked archive cannot tell what belongs to it")
    files = set(listed.stdout.splitlines())
    folders = {parent.as_posix() for file in files for parent in (ROOT / file).relative_to(ROOT).parents}
    linked = {
        (path.parent / link.partition("#")[0]).resolve().relative_to(ROOT).as_posix()
        for path in (README, TRANSLATION)
        for link in links(read(path))
        if not link.startswith(("https:", "#"))
    }
    assert linked - files - folders == set()


def test_both_languages_have_the_same_sections():
    english, chinese = (sections(read(path)) for path in (README, TRANSLATION))
    assert [section.level for section in english] == [section.level for section in chinese]


def test_both_languages_name_the_same_things():
    for english, chinese in zip(sections(read(README)), sections(read(TRANSLATION)), strict=True):
        assert sorted({*code(english.text)}) == sorted({*code(chinese.text)}), chinese.title
        assert english.text.count("\n|") == chinese.text.count("\n|"), chinese.title


def test_both_languages_give_the_same_numbers():
    """In tables, and of two digits and more elsewhere: a language may spell small ones out."""
    for english, chinese in zip(sections(read(README)), sections(read(TRANSLATION)), strict=True):
        assert numbers(english.text) == numbers(chinese.text), chinese.title


def numbers(text):
    """The numbers of a piece of prose, without regard to their order."""
    return sorted(re.findall(r"\d[\d,.]*\d", re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)))


def test_both_languages_link_to_the_same_pages():
    english, chinese = (
        [link.replace(".zh-CN", "") for link in links(read(path)) if not link.startswith("#")]
        for path in (README, TRANSLATION)
    )
    assert sorted(english) == sorted(chinese)


def test_both_languages_give_the_same_commands():
    english, chinese = (
        [(fence.language, len(re.findall(r"(?m)^\$ ", fence.text))) for fence in fences(read(path))]
        for path in (README, TRANSLATION)
    )
    assert english == chinese


def test_both_languages_show_the_same_picture():
    english, chinese = (
        re.sub(r"(?s)(<(?:text|title|desc)\b[^>]*>)[^<]*", r"\1", read(path))
        for path in (PICTURE, PICTURE.with_suffix(".zh-CN.svg"))
    )
    assert english == chinese
