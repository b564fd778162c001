"""Claims due jobs and runs them, in a server process or in `app worker`."""

import asyncio
import logging
import os
import socket
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from app.database.connection import Database
from app.database.outages import OUTAGES, log_outage
from app.jobs import job_queue, scheduler
from app.jobs.attempt import Attempt
from app.jobs.definitions import definitions
from app.jobs.job_queue import LEASE, ClaimedJob
from app.jobs.wake import signal_of
from app.settings.config import Settings

logger = logging.getLogger("app.jobs")

RENEW_SECONDS = LEASE.total_seconds() / 3
OUTAGE_RETRY_SECONDS = 5
ERROR_RETRY_SECONDS = 60
SHUTDOWN_TIMEOUT_SECONDS = 5
MAX_SCHEDULE_SECONDS = 60


class JobRunner:
    """Runs the jobs of these queues, or of all."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        state: Mapping[str, Any],
        *,
        queues: Collection[str] = (),
    ) -> None:
        self._settings, self._database, self._state, self._queues = settings, database, state, queues
        self._worker = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._running: dict[tuple[UUID, UUID], tuple[Attempt, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._schedules_at = 0.0

    async def run(self) -> None:
        """Run jobs until `stop` is called; errors don't end the loop. Jobs that are still running are given back."""
        renewing = asyncio.create_task(self._renew_claims())
        with signal_of(self._database).call(self.wake):
            try:
                while not self._is_stopping:
                    await self._wait(await self._start_due())
            finally:
                await self._end_running()
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)

    def stop(self) -> None:
        """Stop `run`: claim no more jobs, and interrupt those that run."""
        self._is_stopping = True
        self._wake.set()

    def wake(self) -> None:
        """Look for due jobs now."""
        self._wake.set()

    async def run_due(self) -> None:
        """Run all due jobs, also those that they enqueue, and return."""
        await scheduler.enqueue_due(self._database, self._settings)
        while await self._claim():
            await asyncio.gather(*(task for _, task in self._running.values()))

    async def _start_due(self) -> float:
        """Start due jobs; return after how many seconds to look again, unless woken."""
        self._wake.clear()
        try:
            await self._enqueue_scheduled()
            await self._claim()
        except OUTAGES as error:
            log_outage(error)
            return OUTAGE_RETRY_SECONDS
        except Exception:
            logger.exception("jobs are unavailable; retrying in a minute")
            return ERROR_RETRY_SECONDS
        return self._settings.jobs.poll_interval.total_seconds()

    async def _claim(self) -> int:
        """Claim and start due jobs, as many as may run; return their number."""
        free = self._settings.jobs.concurrency - len(self._running)
        if not free:
            return 0
        here = [job_id for job_id, _ in self._running]
        claimed = await job_queue.claim(
            self._database, self._worker, free, names=definitions, queues=self._queues, not_=here
        )
        for job in claimed:
            attempt = Attempt(job, self._settings, self._database, self._state, lambda: self._is_stopping)
            task = asyncio.create_task(attempt.execute())
            self._running[job.id, job.claim_id] = attempt, task
            task.add_done_callback(partial(self._forget, job))
        return len(claimed)

    def _forget(self, job: ClaimedJob, _: object) -> None:
        del self._running[job.id, job.claim_id]
        self._wake.set()

    async def _enqueue_scheduled(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._schedules_at:
            seconds = await scheduler.enqueue_due(self._database, self._settings)
            self._schedules_at = now + min(MAX_SCHEDULE_SECONDS, seconds or MAX_SCHEDULE_SECONDS)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _renew_claims(self) -> None:
        """Renew the leases of running jobs, and stop those that were canceled or lost."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            running = dict(self._running)
            try:
                held = await job_queue.renew_all(self._database, running)
            except OUTAGES as error:
                log_outage(error)
                continue
            except Exception:
                logger.exception("leases of jobs can't be renewed; retrying")
                continue
            for claim in running.keys() - held:
                attempt, task = running[claim]
                if not attempt.run.is_finishing and not attempt.run.is_finished:
                    task.cancel()

    async def _end_running(self) -> None:
        """Wait for the running jobs, then cancel and so give back those that are left."""
        for cancels in (False, True):
            tasks = {task for _, task in self._running.values()}
            if not tasks:
                return
            if cancels:
                for task in tasks:
                    task.cancel()
            await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT_SECONDS)
