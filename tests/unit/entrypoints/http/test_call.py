from __future__ import annotations

import pytest

from adapters.system.ids import SystemIds
from entrypoints.http.call import trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("sent", "sampled"),
    [(f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-00", False), (f"cc-{TRACE}-{SPAN}-03-new", True)],
)
def test_a_trace_goes_on_with_a_span_of_ours(sent, sampled):
    found = trace_of(sent, (), SystemIds())
    assert (found.trace_id, found.sampled) == (TRACE, sampled)
    assert found.span_id != SPAN
    assert found.parent_id == SPAN
    assert len(found.span_id) == 16


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
def test_without_a_usable_trace_a_new_one_begins(sent):
    found = trace_of(sent, (), SystemIds())
    assert found.trace_id != TRACE
    assert (len(found.trace_id), len(found.span_id), found.sampled) == (32, 16, False)


def test_a_share_of_the_traces_that_begin_here_is_sampled_and_the_callers_word_counts_for_its_own():
    half = [trace_of(None, (), SystemIds(0.5)).sampled for _ in range(1000)]
    assert 350 < sum(half) < 650
    assert trace_of(None, (), SystemIds(1.0)).sampled
    assert not trace_of(f"00-{TRACE}-{SPAN}-00", (), SystemIds(1.0)).sampled


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (["a=1", "b=2 , c@d=3"], "a=1,b=2 , c@d=3"),
        ([], ""),
        (["UPPER=1"], ""),
        (["a"], ""),
        (["a=ä"], ""),
        (["a=1\t"] * 33, ""),
        ([f"a={'x' * 255}", f"b={'x' * 255}"], ""),
        (["a=" + " " * 250 + "," + " " * 250 + "="], ""),
    ],
)
def test_what_other_systems_keep_beside_a_trace_is_passed_on_where_it_is_well_formed_and_short(sent, kept):
    assert trace_of(f"00-{TRACE}-{SPAN}-01", sent, SystemIds()).state == kept
    assert trace_of(None, sent, SystemIds()).state == ""
