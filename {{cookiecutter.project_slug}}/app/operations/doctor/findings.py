"""What a check needs and what it finds."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from app.database.connection import Database
from app.settings.config import Environment, Settings


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """What a check found. It never contains a secret."""

    status: Status
    message: str
    fix: str = ""
    """What to do, with commands as `app …`."""


class Visit(NamedTuple):
    """Where a request came from, as the server sees it."""

    ip: str
    is_forwarded: bool
    """Whether it has the header X-Forwarded-For."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is checked."""

    settings: Settings
    database: Database
    visit: Visit | None = None
    """The request that asks; None in `app doctor`."""

    @property
    def is_production(self) -> bool:
        """Whether ENVIRONMENT is production."""
        return self.settings.environment is Environment.PRODUCTION


Check: TypeAlias = Callable[[Installation], Awaitable[Sequence[Finding]]]


def ok(message: str, **values: object) -> list[Finding]:
    """Return that all is well; values are inserted at `%(name)s`."""
    return [Finding(Status.OK, message % values)]


def warning(message: str, fix: str, **values: object) -> list[Finding]:
    """Return what may become a problem."""
    return [Finding(Status.WARNING, message % values, fix % values)]


def error(message: str, fix: str, **values: object) -> list[Finding]:
    """Return what is a problem."""
    return [Finding(Status.ERROR, message % values, fix % values)]
