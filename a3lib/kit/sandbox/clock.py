"""A child's time: what passes while it waits for a processor that others have is not counted.

Else a limit that is generous on an idle machine takes points from right work on a busy one.
"""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from a3lib.kit.sandbox.family import family_of

NANOSECONDS = 1e9


@dataclass(frozen=True)
class Clock:
    """Seconds that a process and all that comes from it may take from now on; None is nobody."""

    seconds: float
    process: int | None
    began: float = field(default_factory=time.monotonic)
    before: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def start(cls, seconds: float, process: int | None) -> "Clock":
        """Return a clock that starts now."""
        return cls(seconds, process, before=processor_seconds_of(process))

    def left(self) -> float:
        """Return how many seconds are left, 0 or less where none is."""
        elapsed = time.monotonic() - self.began
        if elapsed < self.seconds:
            return self.seconds - elapsed
        used, waited = (
            max(0.0, now - before)
            for now, before in zip(processor_seconds_of(self.process), self.before, strict=True)
        )
        # Threads that wait for each other's processor waited for nobody else's: what the family
        # got of the processors counts in any case.
        return self.seconds - max(min(used, elapsed), elapsed - waited)


def processor_seconds_of(process: int | None) -> tuple[float, float]:
    """Return how long a process's family ran, and how long it waited to run; 0 where none says."""
    used = waited = 0
    if process is not None:
        for member in [process, *family_of(process)]:
            for file in Path(f"/proc/{member}/task").glob("*/schedstat"):
                # A thread may end while it is looked at, and not every kernel counts.
                with contextlib.suppress(OSError, ValueError):
                    ran, stood, _ = map(int, file.read_text().split())
                    used, waited = used + ran, waited + stood
    return used / NANOSECONDS, waited / NANOSECONDS
