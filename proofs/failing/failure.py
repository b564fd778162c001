"""What a failure is: how it is caused, and what clients may see."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proofs.failing.scene import Scene

SUCCESSES = frozenset({200, 201, 202, 204, 409})
"""409 is the answer to requests that are to roll back."""


@dataclass(frozen=True)
class Stack:
    """What runs; consecutive failures with the same one share it."""

    database: str = "postgresql"
    settings: tuple[tuple[str, str], ...] = ()
    has_worker: bool = False
    """Whether `app worker` runs the jobs, not the server."""
    helpers: frozenset[str] = frozenset()
    """Of `clock`, `pgbouncer`, `redis`, `relay` and `s3`: what the app gets from others."""
    before: tuple[str, ...] = ()
    """Command in which the server is started, such as `prlimit`."""


@dataclass(frozen=True)
class Failure:
    """A row of the table in docs/operations.md."""

    name: str
    cause: str
    """How it is caused here."""
    remedy: str
    """What an operator does."""
    act: Callable[["Scene"], Awaitable[None]]
    """Cause it, check what is particular to it, and end it."""
    stack: Stack = Stack()
    statuses: frozenset[int] = frozenset()
    """That clients may see, other than successes."""
    breaks: bool = False
    """Whether connections may be refused, or end without a response."""
    restarts: bool = False
    """Whether a process ends, and is started again as systemd or Docker do."""
    errors: str = "$^"
    """Pattern of the lines that may be in the log with the level ERROR."""
    has_clients: bool = True
    """Whether clients are active meanwhile."""

    @property
    def slug(self) -> str:
        """Return the name in commands."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


@dataclass
class Outcome:
    """What happened."""

    name: str
    slug: str
    cause: str
    remedy: str
    statuses: dict[str, int] = field(default_factory=dict)
    """Number of responses by status; also `refused` and `cut`."""
    longest: float = 0
    """Seconds of the longest request."""
    recovery: float = 0
    """Seconds from the end of the cause until all clients were served again."""
    seconds: float = 0
    faults: list[str] = field(default_factory=list)
