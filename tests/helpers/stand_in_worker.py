"""A worker without processes: what its children reply is scripted, and all that was asked is kept.

It lets tests of the grader take place without torch, and see in what order it asks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from a3lib.kit.checks.catalogue import Check
from a3lib.kit.sandbox.worker import Reply

RIGHT = {"value": 1}
Script = Callable[[str, dict[str, Any]], Reply]


def answers(value: float) -> Reply:
    """The reply of a child that answered; `judge_value` takes 1 for right."""
    return Reply("answers", {"value": value}, "")


def other(kind: str, text: str = "") -> Reply:
    """A reply without answers."""
    return Reply(kind, {}, text)


def check(
    name: str,
    exercise: int = 1,
    points: float = 1,
    hidden: bool = False,
    second_try: dict[str, Any] | None = None,
) -> Check:
    """A check whose probe is its name and whose function is that of the exercise."""
    return Check(
        name=name,
        function=f"function_{exercise}",
        title=f"title of {name}",
        probe=name,
        inputs={"secret": f"input of {name}"},
        points=points,
        hidden=hidden,
        exercise=exercise,
        second_try=second_try,
    )


@dataclass
class StandInChild:
    """A child that replies as the script says, and after an end only that it is dead."""

    number: int
    worker: "StandInWorker"
    load_errors: list[str]
    ended: bool = False

    def ask(self, probe: str, inputs: dict[str, Any]) -> Reply:
        self.worker.asked.append((self.number, probe, inputs))
        if self.ended:
            return other("died", "it is dead already")
        reply = self.worker.script(probe, inputs)
        self.ended = reply.kind in ("timeout", "died")
        return reply


@dataclass
class StandInWorker:
    """Like `sandbox.Worker`; `asked` has the child's number, the probe and the inputs."""

    script: Script
    load_errors: list[str] = field(default_factory=list)
    asked: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    open_children: int = 0
    troubles: Iterator[str] = field(default_factory=lambda: iter(()))
    controls: int = 0
    protections: list[str] = field(default_factory=lambda: ["a wall"])
    missing: list[str] = field(default_factory=lambda: ["a moat"])

    @contextmanager
    def child(self, texts: list[str]) -> Iterator[StandInChild]:
        self.texts.append(texts)
        self.open_children += 1
        try:
            yield StandInChild(len(self.texts), self, self.load_errors)
        finally:
            self.open_children -= 1

    def trouble(self) -> str:
        """What trusted code lacks, as `troubles` say one after another; at their end nothing."""
        self.controls += 1
        return next(self.troubles, "")

    def probes_asked(self) -> list[tuple[int, str]]:
        """Which child was asked what, in order."""
        return [(number, probe) for number, probe, _ in self.asked]
