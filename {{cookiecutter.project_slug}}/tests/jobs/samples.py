"""Jobs for tests: what they do is set by each test."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from app.jobs.definitions import job
from app.jobs.run import JobRun

Action = Callable[[JobRun], Awaitable[object]]

MINUTE = timedelta(minutes=1)

actions: dict[str, Action] = {}
"""What `act` does, by its argument."""
ran: list[str] = []
"""The arguments with which `act` ran."""


@job(max_attempts=3, retry_delays=[MINUTE, 5 * MINUTE])
async def act(run: JobRun, name: str = "") -> Any:
    """Do what the test wants."""
    ran.append(name)
    return await actions[name](run) if name in actions else None


@job(queue="slow", timeout=timedelta(milliseconds=1), max_attempts=1)
async def hang(run: JobRun) -> None:
    """Do what the test wants, for longer than allowed."""
    await actions["hang"](run)


@job(encrypted=True, max_attempts=lambda settings: settings.mail.max_attempts)
async def keep_secret(run: JobRun, address: str, day: date | None = None) -> None:
    """Do what the test wants with an address."""
    ran.append(f"{address} {day}")
    if "secret" in actions:
        await actions["secret"](run)
