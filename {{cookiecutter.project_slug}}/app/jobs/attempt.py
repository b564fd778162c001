"""One attempt to run a job, and how it ended."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from app.database.connection import Database
from app.database.outages import OUTAGES, log_outage
from app.jobs import job_queue
from app.jobs.definitions import definitions
from app.jobs.errors import ClaimLost, JobFailed, JobInterrupted, JobTimeout, WorkerDied, describe_error
from app.jobs.job_queue import ClaimedJob
from app.jobs.run import JobRun
from app.log_context import Work, current_work
from app.settings.config import Settings
from app.settings.keys import KeyRing

logger = logging.getLogger("app.jobs")

OUTAGE_RETRY_SECONDS = 1

_EXPECTED: tuple[type[Exception], ...] = (JobFailed, JobTimeout, ClaimLost, *OUTAGES)


observers: list[Callable[["Attempt"], AbstractContextManager[object]]] = []
"""Entered around each attempt; when they exit, its `outcome` is known."""


class _End(NamedTuple):
    outcome: str
    text: str
    write: Callable[[Database, ClaimedJob], Awaitable[bool]]
    level: int = logging.INFO
    error: BaseException | None = None


class Attempt:
    """Calls the function of a claimed job, and records how it ended."""

    def __init__(
        self,
        job: ClaimedJob,
        settings: Settings,
        database: Database,
        state: Mapping[str, Any],
        is_stopping: Callable[[], bool],
    ) -> None:
        self.job = job
        self.outcome = "unrecorded"
        """How it ended: succeeded, failed, retried, interrupted or lost."""
        self._definition = definition = definitions[job.name]
        self.run = JobRun(
            job=job,
            settings=settings,
            database=database,
            state=SimpleNamespace(**state),
            dump_result=definition.model.dump_result,
            erases_arguments=definition.encrypted,
            is_stopping=is_stopping,
        )
        self._started = time.perf_counter()
        self._work = Work(job_id=job.id, job=job.name, attempt=job.attempts)

    async def execute(self) -> None:
        """Call the function and record the end. It raises nothing, unless it is canceled again."""
        current_work.set(self._work)
        with ExitStack() as observing:
            for observe in observers:
                observing.enter_context(observe(self))
            await self._execute()

    async def _execute(self) -> None:
        try:
            end = await self._call()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # A task that was canceled is given back, because the worker stops; if the claim is lost, nothing happens.
            end = (
                self._given_back() if task and task.cancelling() else self._failed(RuntimeError("It canceled itself."))
            )
        except JobInterrupted:
            end = self._given_back()
        except Exception as error:  # noqa: BLE001 - a job may raise anything
            end = self._failed(error)
        if self.run.is_finished:
            self._log(_End("succeeded", "succeeded", end.write, end.level, end.error))
        else:
            await self._record(end)

    async def _call(self) -> _End:
        definition, settings = self._definition, self.run.settings
        if self.job.attempts > self._max_attempts():
            raise WorkerDied
        arguments = definition.load_arguments(self.job.arguments, KeyRing(settings))
        try:
            async with asyncio.timeout(definition.timeout.total_seconds()) as deadline:
                result = await definition.function(self.run, **arguments)
        except TimeoutError as error:
            if deadline.expired():
                message = f"took longer than {definition.timeout}"
                raise JobTimeout(message) from error
            raise
        dumped = definition.model.dump_result(result)
        return _End("succeeded", "succeeded", partial(job_queue.succeed, result=dumped, erase=definition.encrypted))

    def _failed(self, error: Exception) -> _End:
        text, number = describe_error(error, self.run.secrets), self.job.attempts
        if isinstance(error, JobFailed) or number >= self._max_attempts():
            fail = partial(job_queue.fail, error=text)
            return _End("failed", f"failed in attempt {number}: {text}", fail, logging.ERROR, error)
        delays = self._definition.retry_delays
        retry = partial(job_queue.reschedule, error=text, delay=delays[min(number, len(delays)) - 1])
        return _End("retried", f"will be retried after attempt {number}: {text}", retry, logging.WARNING, error)

    def _given_back(self) -> _End:
        return _End("interrupted", "interrupted", job_queue.give_back)

    def _max_attempts(self) -> int:
        limit = self._definition.max_attempts
        return limit if isinstance(limit, int) else limit(self.run.settings)

    async def _record(self, end: _End) -> None:
        """Record the end, unless the claim is lost; if the database is unavailable, when it is back."""
        while True:
            try:
                is_ours = await end.write(self.run.database, self.job)
            except OUTAGES as error:
                log_outage(error)
                await asyncio.sleep(OUTAGE_RETRY_SECONDS)
            except Exception:
                logger.exception("its end can't be recorded, so it will be retried: %s %s", self.job.name, self.job.id)
                return
            else:
                lost = _End("lost", "canceled, or claimed by another worker", end.write, logging.WARNING)
                self._log(end if is_ours else lost)
                return

    def _log(self, end: _End) -> None:
        self.outcome = end.outcome
        # A traceback may contain the arguments; those of expected errors say nothing.
        is_bug = end.error and not isinstance(end.error, _EXPECTED)
        traceback = end.error if is_bug and not self._definition.encrypted else None
        fields = {"ms": round((time.perf_counter() - self._started) * 1000, 1), **self._work.totals()}
        logger.log(end.level, "%s %s: %s", self.job.name, self.job.id, end.text, exc_info=traceback, extra=fields)
