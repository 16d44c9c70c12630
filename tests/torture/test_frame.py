"""The frame around the faults: what it counts, what it prints, and how it ends."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from tests.torture import __main__ as torture
from tests.torture import oracle
from tests.torture.disk import SmallDisk
from tests.torture.pressure import full_rate
from tests.torture.scene import conservation
from tests.torture.trial import NotHere, Result, Row, Trial


def row(name: str, result: Result | Exception) -> Row:
    async def run(trial: Trial) -> Result:
        assert trial.folder.is_dir()
        if isinstance(result, Exception):
            raise result
        return result

    return Row(name=name, about="something", run=run, short=1, full=2)


@pytest.fixture
def printed(monkeypatch, capsys):
    """A function (rows) -> exit code, the table's lines by their first word, and what was said beside it."""

    def run(*rows: Row, arguments: tuple[str, ...] = ()) -> tuple[int, dict[str, list[str]], str]:
        monkeypatch.setattr(torture, "ROWS", list(rows))
        code = torture.main(arguments)
        told = capsys.readouterr()
        cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.out.splitlines() if "│" in line]
        return code, {line[0]: line[1:] for line in cells}, told.err

    return run


SOUND = Result(injected=3, acknowledged=10, recovery=[0.5, 2.0], unknown=4)


def test_a_sound_row_is_a_line_of_the_table_and_exit_code_0(printed):
    code, lines, said = printed(row("killed", SOUND), arguments=("--seed", "9"))
    assert code == 0
    assert lines["killed"][:8] == ["3", "10", "0", "0", "2.00", "0", "4 (4)", "0"]
    assert "killed, 2 times, seed 9" in said


@pytest.mark.parametrize(
    "bad",
    [
        Result(lost=1),
        Result(stale=1),
        Result(unknown=2, unresolved=1),
        Result(faults=["wrong"]),
        Result(slow=["wrong"]),
    ],
    ids=["lost", "stale", "unresolved", "wrong", "slow"],
)
def test_whatever_must_not_be_is_exit_code_1_and_the_other_rows_are_run(printed, bad):
    code, lines, said = printed(row("bad", bad), row("good", SOUND))
    assert code == 1
    assert {"bad", "good"} <= lines.keys()
    assert ("bad: wrong" in said) == bool(bad.faults or bad.slow)


def test_what_this_machine_does_not_allow_is_a_line_with_its_reason(printed):
    code, lines, _ = printed(row("mount", NotHere("no file system can be mounted here")), row("good", SOUND))
    assert code == 0
    assert lines["mount"][0] == "not done"
    assert lines["mount"][-1] == "no file system can be mounted here"


def test_a_row_is_chosen_by_its_name_and_its_length_can_be_said(printed):
    rows = row("one", SOUND), row("two", SOUND)
    _, lines, said = printed(*rows, arguments=("--only", "two", "--times", "7"))
    assert "two" in lines
    assert "one" not in lines
    assert "two, 7 times" in said
    assert "two, 1 times" in printed(*rows, arguments=("--only", "two", "--short"))[2]


@pytest.mark.parametrize(("applied", "fits"), [(9, False), (10, True), (14, True), (15, False)])
def test_every_accepted_record_is_accounted_for(applied, fits):
    counted = {"sessions_total": 1, "tasks_total": applied - 3, "dead_lettered_total": 1}
    counted |= {"data_loss_total": 0, "buffer_size": 0}
    told = conservation(counted, 1, SOUND)
    assert (told == []) == fits


@pytest.mark.parametrize("wrong", oracle.WRONGS, ids=lambda wrong: wrong.name)
def test_each_wrong_place_is_still_there(wrong):
    source = (oracle.REPOSITORY / wrong.file).read_text(encoding="utf-8")
    assert len(re.findall(re.escape(wrong.text), source)) == 1


def test_a_filled_disk_has_no_room_and_then_it_has(tmp_path):
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(SmallDisk(tmp_path / "disk", 1 << 20))
        except NotHere as lack:
            pytest.skip(str(lack))
        with disk.filled(), pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(bytes(5000))
        (disk.folder / "more").write_bytes(bytes(5000))
        with disk.read_only(), pytest.raises(OSError, match="Read-only"):
            (disk.folder / "again").touch()
        (disk.folder / "again").touch()


@pytest.mark.parametrize(
    ("stored", "begins"),
    [
        ([0, 100, 200, 300, 400], 0.0),
        ([0, 0, 0, 100, 200, 300], 2.0),
        ([0, 10, 20, 120, 220], 2.0),
        ([0, 0], 0.0),
    ],
)
def test_a_full_rate_begins_with_the_first_second_near_the_best(stored, begins):
    assert full_rate([(float(second), total) for second, total in enumerate(stored)]) == begins
