"""One observer in front of several."""

from adapters.telemetry.fan_out import FanOut
from domain.model.observations import ServiceStarted

STARTED = ServiceStarted(url="http://x", instance=1)


def test_a_failing_observer_harms_neither_the_others_nor_the_caller():
    seen = []

    def broken(_):
        raise OSError(28, "No space left on device")

    FanOut([seen.append, broken, seen.append])(STARTED)
    assert seen == [STARTED, STARTED]
