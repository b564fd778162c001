"""What happened: requests, disturbances and faults."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

AFTERMATH = 3
"""Seconds after a disturbance in which requests may still fail."""
MAX_FAULTS = 60


class Fault(Exception):
    """The project did something wrong."""


class Unknown(Exception):
    """A request may or may not have been carried out; with `possible=False` it can't have been."""

    def __init__(self, *, possible: bool) -> None:
        super().__init__()
        self.possible = possible


class Disturbance(NamedTuple):
    """What was done to the database, and when."""

    name: str
    start: float
    end: float
    is_fatal: bool
    """Whether connections broke, so that the result of a COMMIT can be unknown."""


class Journal:
    """Everything that is reported in the end."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.statuses: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.cut = 0
        self.disturbances: list[Disturbance] = []
        self.faults: list[str] = []
        self._running: list[Disturbance] = []

    @property
    def is_hopeless(self) -> bool:
        """Whether there are so many faults that more would not help."""
        return len(self.faults) >= MAX_FAULTS

    def fault(self, text: str) -> None:
        """Note a fault."""
        self.faults.append(f"{time.monotonic() - self.started:7.1f}s {text}")

    @contextmanager
    def disturbing(self, name: str, *, is_fatal: bool) -> Iterator[None]:
        """Note a disturbance while it lasts."""
        begun = Disturbance(name, time.monotonic(), float("inf"), is_fatal)
        self._running.append(begun)
        try:
            yield
        finally:
            self._running.remove(begun)
            self.disturbances.append(begun._replace(end=time.monotonic()))

    def during(self, sent: float, received: float) -> list[Disturbance]:
        """Return the disturbances that a request could have met."""
        known = [*self.disturbances, *self._running]
        return [one for one in known if one.start < received and sent < one.end + AFTERMATH]

    def excuse(self, sent: float, received: float, what: str) -> Unknown:
        """Judge a 503: without a disturbance, it is a fault."""
        met = self.during(sent, received)
        if not met:
            self.fault(f"503 without a disturbance, after {received - sent:.1f}s: {what}")
        return Unknown(possible=not met or any(one.is_fatal for one in met))
