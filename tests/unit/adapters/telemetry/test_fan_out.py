"""One observer in front of several."""

import msgspec

from adapters.telemetry.fan_out import FanOut
from domain.model.observations import ServiceStarted
from domain.model.tracing import CURRENT, Trace

STARTED = ServiceStarted(url="http://x", instance=1)


def test_a_failing_observer_harms_neither_the_others_nor_the_caller():
    seen = []

    def broken(_):
        raise OSError(28, "No space left on device")

    FanOut([seen.append, broken, seen.append])(STARTED)
    assert seen == [STARTED, STARTED]


def test_what_is_observed_belongs_to_the_trace_that_its_task_works_for():
    seen = []
    observer = FanOut([FanOut([seen.append])])
    current, own = Trace("a" * 32, "b" * 16), Trace("c" * 32, "d" * 16)
    token = CURRENT.set(current)
    observer(STARTED)
    observer(msgspec.structs.replace(STARTED, trace=own))
    CURRENT.reset(token)
    observer(STARTED)
    assert [observation.trace for observation in seen] == [current, own, None]
