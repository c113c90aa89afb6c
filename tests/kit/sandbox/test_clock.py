"""A child's time passes as it should, also where others have the processors."""

import os
import time

import pytest

from a3lib.kit.sandbox import clock
from a3lib.kit.sandbox.clock import Clock, processor_seconds_of


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What the clock on the wall says, and how long a family ran and waited to run."""
    now = {"wall": 100.0, "used": 3.0, "waited": 8.0}
    monkeypatch.setattr(clock.time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(clock, "processor_seconds_of", lambda _: (now["used"], now["waited"]))
    return now


@pytest.mark.parametrize(
    ("elapsed", "used", "waited", "left"),
    [
        (4, 4, 0, 6),
        (4, 0, 4, 6),
        (10, 10, 0, 0),
        (10, 0, 0, 0),
        (10, 1, 9, 9),
        (10, 3, 5, 5),
        (100, 10, 90, 0),
        (100, 9, 91, 1),
        # Fifteen threads on two processors wait for each other.
        (10, 20, 130, 0),
        # The same, beside many others.
        (10, 4, 146, 6),
        # A thread that has ended is counted no more.
        (10, -2, -6, 0),
    ],
    ids=str,
)
def test_what_is_left(
    times: dict[str, float], elapsed: float, used: float, waited: float, left: float
) -> None:
    started = Clock(10, 1, before=(3.0, 8.0))
    object.__setattr__(started, "began", 100.0)
    times["wall"] += elapsed
    times["used"] += used
    times["waited"] += waited
    assert started.left() == pytest.approx(left)


def test_a_clock_of_nobody_is_one_on_the_wall() -> None:
    started = Clock.start(0.05, None)
    assert 0 < started.left() <= 0.05
    time.sleep(0.06)
    assert started.left() <= 0


def test_a_process_that_computes_uses_processor_time_and_one_that_is_gone_none() -> None:
    before, _ = processor_seconds_of(os.getpid())
    while time.process_time() < 0.2:
        pass
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass
    after, _ = processor_seconds_of(os.getpid())
    assert 0.1 < after - before < 5
    assert processor_seconds_of(2**30) == (0, 0)


def test_a_process_beside_others_on_one_processor_waits() -> None:
    processor = min(os.sched_getaffinity(0))
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {processor})
            while True:
                pass
        children.append(child)
    time.sleep(1.5)
    try:
        used, waited = processor_seconds_of(children[0])
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert waited > used > 0, "it had a third of a processor, or less"
