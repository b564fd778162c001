"""The job that deletes expired rows once a day."""

import logging
from datetime import timedelta

from app.accounts.lifecycle import cleanup
from app.jobs.definitions import job
from app.jobs.run import JobRun

logger = logging.getLogger("app.cleanup")


@job(schedule="0 3 * * *", timeout=timedelta(hours=1))
async def clean_up(run: JobRun) -> dict[str, int | None]:
    """Delete expired rows. The result is how many of each kind, None where an error was logged."""
    counts = await cleanup.clean_up(run.database, run.settings.cleanup, run.state.cleanup_tasks)
    deleted = [f"{number} {name}" for name, number in counts.items() if number]
    logger.info("cleanup deleted: %s", ", ".join(deleted) or "nothing")
    return dict(counts)
