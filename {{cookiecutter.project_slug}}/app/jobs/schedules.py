"""Times of scheduled jobs: a cron text in UTC, or an interval."""

from datetime import datetime, timedelta
from typing import TypeAlias

from cronsim import CronSim, CronSimError

from app.database.base import utc_now

Schedule: TypeAlias = str | timedelta


def check_schedule(schedule: Schedule) -> None:
    """Check a schedule.

    Raises:
        ValueError: it isn't a valid cron text, or an interval of less than a second.
    """
    try:
        next_time(schedule, utc_now())
    except (CronSimError, StopIteration) as error:
        message = f'{schedule!r} is not a cron text such as "0 3 * * *", which is daily at 3:00 UTC: {error}'
        raise ValueError(message) from None
    if isinstance(schedule, timedelta) and schedule < timedelta(seconds=1):
        message = "the interval of a schedule must be at least a second"
        raise ValueError(message)


def next_time(schedule: Schedule, now: datetime) -> datetime:
    """Return the next time after now."""
    return now + schedule if isinstance(schedule, timedelta) else next(CronSim(schedule, now))
