"""Dashboard panels: metrics and charts.

async def panels(self, request: Request) -> list[Panel]:
    days = await count_per_day(request.state.session, Note, Note.created_at)
    return [Chart("New notes", days)]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import ColumnElement, Select, Uuid, extract, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.admin.base.query_limits import result_in_time
from app.database.base import Base, UUIDv7Base, utc_now
from app.formatting import format_number

DAYS = 30
COUNT_LIMIT = 10_000
DAY_LIMIT = 100_000
"""Maximum number of a day in a chart."""

_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Metric:
    """A number."""

    label: str
    number: int | None
    """None if counting took too long."""
    is_count: bool = True
    """Whether the number is from `count_up_to_limit`. Other numbers, such as sums, are shown in full."""

    @property
    def text(self) -> str:
        """The formatted number."""
        if self.number is None:
            return "—"
        return _format(self.number, COUNT_LIMIT if self.is_count else self.number)


@dataclass(frozen=True, slots=True)
class Chart:
    """Daily numbers, oldest first."""

    label: str
    days: Mapping[date, int] | None
    """None if counting took too long."""
    is_warning: bool = False
    """Whether values above zero indicate a problem."""
    is_count: bool = True
    """Whether the numbers are from `count_per_day`. Other numbers, such as sums, are shown in full."""

    @property
    def total(self) -> str:
        """The formatted sum of all days."""
        limit = DAY_LIMIT if self.is_count else self.maximum
        more = "+" if self.maximum > limit else ""
        return format_number(sum(min(number, limit) for number in (self.days or {}).values())) + more

    def text(self, number: int) -> str:
        """Format the number of a day."""
        return _format(number, DAY_LIMIT if self.is_count else number)

    @property
    def maximum(self) -> int:
        """The largest daily number."""
        return max((self.days or {}).values(), default=0)


Panel = Metric | Chart


async def count_rows(request: Request, views: Sequence[Any]) -> Mapping[str, int | None]:
    """Count the rows of each view, by its key: None if that takes too long.

    They have one timeout at first, because a timeout for each takes as long as its query.
    """
    session = request.state.session

    async def count_all() -> Mapping[str, int | None]:
        return {view.key: await view.count(request) for view in views}

    counts = await result_in_time(session, count_all())
    return counts or {view.key: await result_in_time(session, view.count(request)) for view in views}


async def count_up_to_limit(session: AsyncSession, query: Select[Any]) -> int | None:
    """Count rows, up to `COUNT_LIMIT` + 1. Return None if that takes too long."""
    return await result_in_time(session, _count_up_to_limit(session, query))


def _format(number: int, limit: int) -> str:
    return format_number(number) if number <= limit else f"{format_number(limit)}+"


async def _count_up_to_limit(session: AsyncSession, query: Select[Any]) -> int:
    limited = query.limit(COUNT_LIMIT + 1).subquery()
    return await session.scalar(select(func.count()).select_from(limited)) or 0


Moment = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


async def count_per_day(
    session: AsyncSession, model: type[Base], moment: Moment, *conditions: ColumnElement[bool], by_id: bool = True
) -> dict[date, int] | None:
    """Count rows per UTC day for the last `DAYS` days, oldest first. Return None if that takes too long.

    UUIDv7 keys start with the creation time, so the primary key index finds recent rows. For other keys, and with
    `by_id=False` for a moment that isn't the creation time, index `moment`.
    More than `COUNT_LIMIT` rows are counted in the index only, up to `DAY_LIMIT` + 1 a day: reading a million rows
    takes seconds.
    """
    key = model.id if by_id and issubclass(model, UUIDv7Base) else moment
    return await result_in_time(session, _count_per_day(session, model, moment, key, *conditions))


async def _count_per_day(
    session: AsyncSession,
    model: type[Base],
    moment: Moment,
    key: Moment | InstrumentedAttribute[UUID],
    *conditions: ColumnElement[bool],
) -> dict[date, int]:
    today = utc_now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    is_recent = _is_between(key, days[0], today + timedelta(days=1))
    if await _count_up_to_limit(session, select(moment).where(is_recent, *conditions)) > COUNT_LIMIT:
        between = [_is_between(key, day, day + timedelta(days=1)) for day in days]
        rows = [select(literal(1)).select_from(model).where(part, *conditions).limit(DAY_LIMIT + 1) for part in between]
        counts = [select(func.count()).select_from(row.subquery()).scalar_subquery() for row in rows]
        return dict(zip(days, (await session.execute(select(*counts))).one(), strict=True))
    recent = is_recent & (moment >= datetime.combine(days[0], time.min, UTC))
    seconds = extract("epoch", moment)
    day = (seconds - seconds % _DAY_SECONDS).label("day")  # works on both databases, without time zones
    query = select(day, func.count()).where(recent, *conditions).group_by("day")
    found = {datetime.fromtimestamp(int(start), UTC).date(): number for start, number in await session.execute(query)}
    return {day: found.get(day, 0) for day in days}


def _is_between(key: Moment | InstrumentedAttribute[UUID], begin: date, end: date) -> ColumnElement[bool]:
    """Return the condition for rows from the begin of a UTC day to the begin of another one, by an indexed column."""
    first, last = (datetime.combine(day, time.min, UTC) for day in (begin, end))
    if not isinstance(key.type, Uuid):
        return (key >= first) & (key < last)
    low, high = (UUID(int=int(at.timestamp() * 1000) << 80) for at in (first, last))  # RFC 9562 §5.7: milliseconds
    return (key >= low) & (key < high)
