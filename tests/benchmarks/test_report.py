"""The page is what the figures say; all figures here are made up, and judged by hand."""

import re
from datetime import UTC, datetime

import msgspec
import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import findings, headlines, page, tables
from tests.benchmarks.results import SYNC, Drain, Footprint, Kill, Machine, Point, Results, Run, medians
from tests.benchmarks.servers import NOTHING, PEER, SERVICE

MACHINE = Machine(
    system="Linux",
    processor="a processor",
    cores=2,
    memory_gib=4.0,
    filesystem="ext4",
    sync_ms=0.4,
    busy=0.1,
    versions={"persistence-service": "1.2.3"},
)


def run(server, connections=16, size=100, **figures):
    figures = {"accepted": 50_000.0, "p50": 4.0, "p99": 9.0, "stored": 20_000.0} | figures
    return Run(server=server, point=Point(connections, size), **figures)


def passing(*mib, server=SERVICE.name, step=500_000):
    return [Footprint(server=server, records=number * step, mib=each) for number, each in enumerate(mib)]


def held(*mib, server=SERVICE.name):
    last = len(mib) - 1
    return [
        Footprint(server=server, records=number, mib=each, is_held=True, is_full=number == last)
        for number, each in enumerate(mib)
    ]


def results(**found):
    return Results(begun=datetime(2030, 1, 2, 3, 4, tzinfo=UTC), machine=MACHINE, seconds=90.0, **found)


def full(**found):
    runs = [
        run(SERVICE.name),
        run(NOTHING.name, p50=2.0, stored=None),
        run(SYNC, p50=0.9, stored=None),
        run(PEER.name, p50=3.0, p99=40.0, stored=10_000.0),
    ]
    everything = {
        "runs": runs,
        "drains": [Drain(backend="SQLite", bare=50_000.0, engine=45_000.0)],
        "footprints": [*passing(60.0, 170.0, 171.0, 170.5), *held(60.0, 270.0)],
        "kills": [
            Kill(server=SERVICE.name, acknowledged=900, found=900),
            Kill(server=PEER.name, acknowledged=900, found=90),
        ],
    }
    return results(**everything | found)


def verdicts(found):
    return {aim.what: (aim.found, aim.is_met) for aim in findings.aims(found)}


def test_each_aim_is_judged_by_its_figures():
    assert verdicts(full()) == {
        "records lost in 1 kill -9": ("0 of 900 acknowledged", True),
        "p50 above the no-op handler's, 16 connections": ("2.00 ms (2.2x)", False),
        "drain into SQLite": ("0.90", True),
        "growth of memory with the records that passed": ("0.5 MiB a million", True),
        "memory with a full buffer": ("270 MiB", True),
    }


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({"kills": [Kill(server=SERVICE.name, acknowledged=9, found=8)]}, "records lost in 1 kill -9"),
        ({"drains": [Drain(backend="SQLite", bare=100.0, engine=79.0)]}, "drain into SQLite"),
        ({"footprints": passing(60.0, 170.0, 171.0, 171.1)}, "growth of memory with the records that passed"),
        ({"footprints": held(60.0, 406.0)}, "memory with a full buffer"),
    ],
)
def test_an_aim_that_is_missed_is_said_to_fall_short(found, what):
    found = results(**found)
    assert not verdicts(found)[what][1]
    assert [sentence for sentence in findings.shortfalls(found) if sentence.startswith(f"Aim missed: {what}")]
    assert "| missed |" in page.page(found, {})


def test_where_the_peer_is_ahead_it_is_said():
    assert findings.shortfalls(full()) == [
        "Aim missed: p50 above the no-op handler's, 16 connections: 2.00 ms (2.2x); "
        "at most 2x bare write + fdatasync: 1.80 ms.",
        "The founding stack answers sooner (p50): 3.00 against 4.00 ms at 16 connections.",
    ]
    ahead = [run(SERVICE.name, size=10), run(PEER.name, size=10, accepted=60_000.0, stored=30_000.0, p50=5.0)]
    assert findings.shortfalls(results(runs=ahead)) == [
        "The founding stack accepts more: 60,000 against 50,000 records/s at 10 records a request.",
        "The founding stack stores more: 30,000 against 20,000 records/s at 10 records a request.",
    ]


def test_refused_requests_are_said():
    assert findings.shortfalls(results(runs=[run(SERVICE.name, connections=1, refused=3)])) == [
        "service refused 3 requests at 1 connection."
    ]


def test_a_figure_is_the_median_of_its_repeats():
    repeats = [run(SERVICE.name, p50=each, stored=each) for each in (9.0, 1.0, 2.0)]
    (middle,) = medians(repeats)
    assert (middle.p50, middle.stored, middle.accepted) == (2.0, 2.0, 50_000.0)
    assert len(medians([*repeats, run(SERVICE.name, connections=1)])) == 2


def test_the_headlines_are_made_of_the_figures():
    found = full()
    assert (
        headlines.latency(found) == "At 16 connections half of the batches are on disk in 4.0 ms, 99 of 100 in 9.0 ms"
    )
    assert headlines.throughput(found).startswith("In requests of 100 the service takes 50,000 records a second onto")
    assert headlines.memory(found).startswith("170 MiB after 1,500,000 records (+0.5 MiB a million); 270 MiB when")
    assert headlines.losses(found).endswith("the service 0 of 900 acknowledged records, the founding stack 90%")


def test_the_page_shows_every_part_with_its_picture():
    text = page.page(full(), {"latency.png": "Soon", "memory.png": "Small"})
    titles = re.findall(r"(?m)^## (.*)$", text)
    parts = ["Aims", "Latency against load", "Throughput against batch size", "Drain", "Memory against records"]
    rest = ["What kill -9 costs", "What falls short", "How to read the figures", "Machine and versions"]
    assert titles == parts + rest
    assert re.findall(r"!\[(.*)\]\((.*)\)", text) == [("Soon", "latency.png"), ("Small", "memory.png")]
    assert "in 1.5 minutes" in text
    assert "> **" not in text


def test_a_part_that_was_not_measured_is_left_out():
    text = page.page(results(drains=[Drain(backend="SQLite", bare=2.0, engine=2.0)]), {})
    assert re.findall(r"(?m)^## (.*)$", text)[:3] == ["Aims", "Drain", "What falls short"]


def test_every_row_of_a_table_has_every_column():
    found = full()
    for table in (
        tables.of_aims,
        tables.of_connections,
        tables.of_sizes,
        tables.of_drain,
        tables.of_memory,
        tables.of_kills,
    ):
        lines = table(found).markdown().splitlines()
        assert len(lines) > 2
        assert len({line.count("|") for line in lines}) == 1, lines


@pytest.mark.parametrize(
    ("change", "quick", "words"),
    [
        ({"busy": 1.5}, False, "The machine was busy"),
        ({"filesystem": "tmpfs"}, False, "The data was in memory"),
        ({}, True, "A quick run"),
    ],
)
def test_what_spoils_the_figures_is_said_first(change, quick, words):
    spoilt = msgspec.structs.replace(MACHINE, **change)
    found = full()
    found.machine, found.is_quick = spoilt, quick
    assert words in page.page(found, {}).split("## ")[0]


def test_measurements_are_read_as_they_were_written():
    found = full()
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found


def test_missing_packages_are_named_with_the_cure(monkeypatch, capsys):
    monkeypatch.setattr(bench, "NEEDED", ("no_such_package",))
    assert bench.main([]) == 78
    assert capsys.readouterr().err == "Missing: no_such_package. `make bench` installs them.\n"


def test_folders_and_files_that_cannot_be_used_are_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "NEEDED", ())
    file = tmp_path / "measurements.json"
    assert bench.main(["--redraw", "--output", str(tmp_path)]) == 73
    assert f"{file}: No such file or directory" in capsys.readouterr().err
    file.write_text('{"begun": 1}')
    assert bench.main(["--redraw", "--output", str(tmp_path)]) == 65
    assert f"{file}: " in capsys.readouterr().err
    assert bench.main(["--output", str(file)]) == 73
    assert str(file) in capsys.readouterr().err
    with pytest.raises(SystemExit):
        bench.main(["--repeats", "0"])
    assert "--repeats must be at least 1" in capsys.readouterr().err
