"""Dashboard panels: metrics and charts.

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

from app.database.base import Base, UUIDv7Base, utc_now

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
        """The formatted number."""
        return f"{self.number:,}" if self.number <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"


@dataclass(frozen=True, slots=True)
class Chart:
    """Daily numbers, oldest first."""

    label: str
    days: Mapping[date, int]
    is_warning: bool = False
    """Whether values above zero indicate a problem."""

    @property
    def total(self) -> int:
        """The sum of all days."""
        return sum(self.days.values())

    @property
    def maximum(self) -> int:
        """The largest daily number."""
        return max(self.days.values())


Panel = Metric | Chart


async def count_up_to_limit(session: AsyncSession, query: Select[Any]) -> int:
    """Count rows, up to `COUNT_LIMIT` + 1."""
    limited = query.limit(COUNT_LIMIT + 1).subquery()
    return await session.scalar(select(func.count()).select_from(limited)) or 0


async def count_per_day(
    session: AsyncSession,
    model: type[Base],
    moment: InstrumentedAttribute[datetime],
    *conditions: ColumnElement[bool],
) -> dict[date, int]:
    """Count rows per UTC day for the last `DAYS` days, oldest first.

    UUIDv7 keys start with the creation time, so the primary key index finds recent rows. For others, index `moment`.
    """
    today = utc_now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    begin = datetime.combine(days[0], time.min, UTC)
    recent = moment >= begin
    if issubclass(model, UUIDv7Base):
        recent &= model.id >= UUID(int=int(begin.timestamp() * 1000) << 80)  # RFC 9562 §5.7: 48 bits of milliseconds
    seconds = extract("epoch", moment)
    day = (seconds - seconds % _DAY_SECONDS).label("day")  # works on both databases, without time zones
    query = select(day, func.count()).where(recent, *conditions).group_by("day")
    found = {datetime.fromtimestamp(int(start), UTC).date(): number for start, number in await session.execute(query)}
    return {day: found.get(day, 0) for day in days}
