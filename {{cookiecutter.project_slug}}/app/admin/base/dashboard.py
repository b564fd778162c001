"""Dashboard panels: figures and charts.

async def panels(self, request: Request) -> list[Panel]:
    days = await count_per_day(request.state.session, Note, Note.created_at)
    return [Chart("New notes", days)]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.database.base import UUIDv7Base, utc_now

DAYS = 30
COUNT_LIMIT = 10_000

_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Metric:
    """A number."""

    label: str
    number: int

    @property
    def text(self) -> str:
        """Write it for people."""
        return f"{self.number:,}" if self.number <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"


@dataclass(frozen=True, slots=True)
class Chart:
    """A number for each day, oldest first."""

    label: str
    days: Mapping[date, int]
    is_warning: bool = False
    """Whether a nonzero value is a problem."""

    @property
    def total(self) -> int:
        """Add the days up."""
        return sum(self.days.values())

    @property
    def maximum(self) -> int:
        """Return the largest number of a day."""
        return max(self.days.values())


Panel = Metric | Chart


async def count_up_to_limit(session: AsyncSession, query: Select[Any]) -> int:
    """Count rows, and stop soon after `COUNT_LIMIT`."""
    some = query.limit(COUNT_LIMIT + 1).subquery()
    return await session.scalar(select(func.count()).select_from(some)) or 0


async def count_per_day(
    session: AsyncSession,
    model: type[UUIDv7Base],
    moment: InstrumentedAttribute[datetime],
    *conditions: ColumnElement[bool],
) -> dict[date, int]:
    """Count the rows of each of the last `DAYS` days in UTC, oldest first.

    Keys begin with the time when a row was made, so that the primary key finds the new ones.
    """
    today = utc_now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    begin = datetime.combine(days[0], time.min, UTC)
    first_key = UUID(int=int(begin.timestamp() * 1000) << 80)  # RFC 9562 §5.7: 48 bits of milliseconds
    seconds = extract("epoch", moment)
    day = (seconds - seconds % _DAY_SECONDS).label("day")  # both databases know this; neither asks for a time zone
    query = select(day, func.count()).where(model.id >= first_key, moment >= begin, *conditions).group_by("day")
    found = {datetime.fromtimestamp(int(start), UTC).date(): number for start, number in await session.execute(query)}
    return {day: found.get(day, 0) for day in days}
