"""Jobs that write a row per step, all at once, or never."""

import asyncio
import os
import signal
from datetime import timedelta

from app.jobs.definitions import job
from app.jobs.run import JobRun
from sqlalchemy import text

SECOND = timedelta(seconds=1)
STEP = text("INSERT INTO walk_steps (label, step, pid) VALUES (:label, :step, :pid)")
ALL_AT_ONCE = -1
"""Step of a job that has only one."""


@job(max_attempts=1000, retry_delays=[SECOND])
async def walk(run: JobRun, label: str, steps: int, seconds: float) -> None:
    """Write a row per step, with the cursor that stands for it."""
    for step in range(run.cursor or 0, steps):
        async with run.transaction() as session:
            await session.execute(STEP, {"label": label, "step": step, "pid": os.getpid()})
            await run.save(session, cursor=step + 1, progress=(step + 1) / steps)
            await asyncio.sleep(seconds)


@job(max_attempts=1000, retry_delays=[SECOND])
async def leap(run: JobRun, label: str) -> None:
    """Write a row, and end in the same transaction."""
    async with run.transaction() as session:
        await session.execute(STEP, {"label": label, "step": ALL_AT_ONCE, "pid": os.getpid()})
        await run.finish(session)


@job(max_attempts=3, retry_delays=[SECOND])
async def fall(run: JobRun) -> None:  # noqa: ARG001 - each job has it
    """Kill the worker."""
    os.kill(os.getpid(), signal.SIGKILL)
