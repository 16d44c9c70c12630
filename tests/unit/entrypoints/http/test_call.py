from __future__ import annotations

import pytest

from entrypoints.http.call import trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("sent", "sampled"),
    [(f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-00", False), (f"cc-{TRACE}-{SPAN}-03-new", True)],
)
def test_a_trace_goes_on_with_a_span_of_ours(sent, sampled):
    found = trace_of(sent)
    assert (found.trace_id, found.sampled) == (TRACE, sampled)
    assert found.span_id != SPAN
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
    found = trace_of(sent)
    assert found.trace_id != TRACE
    assert (len(found.trace_id), len(found.span_id), found.sampled) == (32, 16, False)
