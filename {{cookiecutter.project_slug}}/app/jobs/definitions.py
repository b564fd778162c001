"""Jobs are defined by decorating a function, in the `jobs.py` of a feature:

    @job(max_attempts=3)
    async def deliver(run: JobRun, invoice_id: UUID) -> None: ...

and enqueued in a transaction, after whose commit they run:

    await deliver.enqueue(session, invoice.id)
    await deliver.set(at=tomorrow, unique=str(invoice.id)).enqueue(session, invoice.id)
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database.sessions import DriverSession
from app.jobs.arguments import ArgumentModel, decrypt, encrypt
from app.jobs.errors import NoKeys
from app.jobs.job_queue import insert_job
from app.jobs.models import MAX_LABEL_CHARACTERS
from app.jobs.run import JobRun
from app.jobs.schedules import Schedule, check_schedule
from app.settings.config import Settings
from app.settings.keys import KeyRing

P = ParamSpec("P")
Function: TypeAlias = Callable[..., Awaitable[object]]
MaxAttempts: TypeAlias = int | Callable[[Settings], int]

RETRY_DELAYS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""Delay after each failed attempt; the last one repeats."""

definitions: "dict[str, JobDefinition[...]]" = {}
"""The jobs that this process can run, by name."""


@dataclass(frozen=True, kw_only=True)
class JobDefinition(Generic[P]):
    """A function that runs as a job. Its options are those of `job`."""

    function: Function
    name: str
    model: ArgumentModel
    queue: str
    max_attempts: MaxAttempts
    timeout: timedelta
    retry_delays: Sequence[timedelta]
    schedule: Schedule | Callable[[Settings], Schedule | None] | None
    encrypted: bool

    def schedule_in(self, settings: Settings) -> Schedule | None:
        """Return when it is enqueued, if it is scheduled."""
        return self.schedule(settings) if callable(self.schedule) else self.schedule

    async def enqueue(self, session: AsyncSession, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """Enqueue a call; it runs once the session's transaction is committed. Return the job's ID.

        Raises:
            pydantic.ValidationError: an argument doesn't match its annotation.
        """
        return cast(UUID, await self.set().enqueue(session, *args, **kwargs))

    def set(
        self,
        *,
        at: datetime | None = None,
        unique: str | None = None,
        priority: int = 0,
        owner_id: UUID | None = None,
        label: str = "",
    ) -> "PreparedJob[P]":
        """Set how the next call is enqueued.

        `at` is when it runs, now by default. While a job of this name with the key `unique` is pending or running, no
        other one is enqueued. Jobs with a smaller `priority` run first. Deleting the owner deletes the job. `label`
        says what it is about, in lists; it may contain no personal data.
        """
        return PreparedJob(self, at, unique, priority, owner_id, label)

    def load_arguments(self, stored: object, keys: KeyRing) -> Mapping[str, object]:
        """Return the arguments of a stored call.

        Raises:
            JobFailed: they don't match the function.
            UnknownKey: they can't be decrypted.
        """
        return self.model.load(decrypt(stored, keys) if self.encrypted else stored)


@dataclass(frozen=True)
class PreparedJob(Generic[P]):
    """A job with options for its next call: see `JobDefinition.set`."""

    job: JobDefinition[P]
    at: datetime | None
    unique: str | None
    priority: int
    owner_id: UUID | None
    label: str

    async def enqueue(self, session: AsyncSession, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        """Enqueue a call and return the job's ID, or None if one with the unique key is pending or running."""
        arguments = self.job.model.dump(*args, **kwargs)
        if self.job.encrypted:
            arguments = encrypt(arguments, _keys_of(session))
        return await insert_job(
            session,
            at=self.at,
            name=self.job.name,
            queue=self.job.queue,
            arguments=arguments,
            unique_key=self.unique,
            priority=self.priority,
            owner_id=self.owner_id,
            label=self.label[:MAX_LABEL_CHARACTERS],
        )


def job(  # noqa: PLR0913 - all optional
    *,
    queue: str = "default",
    max_attempts: MaxAttempts = 5,
    timeout: timedelta = timedelta(minutes=10),
    retry_delays: Sequence[timedelta] = RETRY_DELAYS,
    schedule: Schedule | Callable[[Settings], Schedule | None] | None = None,
    encrypted: bool = False,
) -> Callable[[Callable[Concatenate[JobRun, P], Awaitable[object]]], JobDefinition[P]]:
    """Make a job of an async function.

    An attempt that raises an error, or takes longer than `timeout`, is repeated after the next of `retry_delays`, up to
    `max_attempts`. A `schedule` is a cron text in UTC, such as "0 3 * * *", an interval, or a function of the settings
    that returns one, or None. `encrypted` arguments can't be read from a database dump, and are erased once the job
    succeeded.

    Raises:
        TypeError: the function has parameters that can't be stored, or a scheduled one has required parameters.
        ValueError: the schedule is invalid, or two jobs have the same name.
    """

    def define(function: Callable[Concatenate[JobRun, P], Awaitable[object]]) -> JobDefinition[P]:
        name = _name(function)
        definition = JobDefinition[P](
            function=function,
            name=name,
            model=ArgumentModel(function, name),
            queue=queue,
            max_attempts=max_attempts,
            timeout=timeout,
            retry_delays=retry_delays,
            schedule=schedule,
            encrypted=encrypted,
        )
        _check(definition)
        definitions[name] = definition
        return definition

    return define


def _name(function: Any) -> str:  # noqa: ANN401 - a function
    """Return "invoices.deliver" for a function in `app/features/invoices/jobs.py`."""
    package = function.__module__.removeprefix("app.").removeprefix("features.").partition(".")[0]
    return f"{package}.{function.__name__}"


def _check(definition: JobDefinition[P]) -> None:
    name, function = definition.name, definition.function
    other = definitions[name].function if name in definitions else function
    if (other.__module__, other.__qualname__) != (function.__module__, function.__qualname__):
        message = f"two jobs are called {name}: in {other.__module__} and {function.__module__}"
        raise ValueError(message)
    if definition.schedule is not None:
        if not callable(definition.schedule):
            check_schedule(definition.schedule)
        if not definition.model.is_callable_without:
            message = f"the job {name} has a schedule, so all of its parameters need defaults"
            raise TypeError(message)


def _keys_of(session: AsyncSession) -> KeyRing:
    keys: KeyRing | None = cast(DriverSession, session).services.get("keys")
    if keys is None:
        message = "jobs with encrypted arguments need keys, which `build_authenticator` adds to the database"
        raise NoKeys(message)
    return keys
