"""The machine's clocks."""

from datetime import UTC, timedelta

from adapters.system.clock import SystemClock


def test_now_is_aware_and_in_utc():
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.utcoffset() == timedelta(0)


def test_monotonic_does_not_go_back():
    clock = SystemClock()
    moments = [clock.monotonic() for _ in range(1000)]
    assert moments == sorted(moments)
