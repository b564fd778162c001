"""Dashboard: charts, metrics and row counts of accessible views."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.events import Event
from app.accounts.models import AuthEvent, AuthSession, User
from app.admin.base import dashboard, permissions, query_limits
from app.admin.base.dashboard import DAYS, Chart, Metric, count_per_day
from app.admin.views import events, users
from app.database.base import utc_now
from app.jobs.models import Job
from tests.admin.browser import page_text
from tests.support import add_user, in_database

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def id_at(at: datetime) -> UUID:
    """Return the ID of a row created at this time."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) + hash(at) % 2**60)


def dashboard_text(browser: TestClient) -> str:
    """Return the text of the dashboard with single spaces."""
    response = browser.get("/admin/")
    assert response.status_code == 200
    return " ".join(page_text(response).split())


def count_events(
    client: TestClient, name: Event, moments: list[datetime], other: tuple[Event, timedelta]
) -> dict[date, int] | None:
    """Add events of this name at these times and another event today, and count the former."""

    async def add(session: AsyncSession) -> None:
        session.add_all(AuthEvent(id=id_at(at), at=at, name=name) for at in moments)
        session.add(AuthEvent(id=id_at(TODAY + other[1]), at=TODAY, name=other[0]))

    in_database(client, add)
    return in_database(client, lambda session: count_per_day(session, AuthEvent, AuthEvent.at, AuthEvent.name == name))


def test_rows_are_counted_per_utc_day_without_gaps(client: TestClient) -> None:
    moments = [
        TODAY - timedelta(days=DAYS - 1, milliseconds=1),  # too old
        TODAY - timedelta(days=DAYS - 1),
        TODAY - timedelta(milliseconds=1),  # SQLite's precision
        TODAY,
    ]

    counted = count_events(client, Event.LOGOUT, moments, (Event.LOGIN_FAIL, timedelta(seconds=1)))

    assert counted
    days = [(TODAY - timedelta(days=ago)).date() for ago in reversed(range(DAYS))]
    assert [*counted] == days
    assert {day: number for day, number in counted.items() if number} == {days[0]: 1, days[-2]: 1, days[-1]: 1}


def test_many_rows_are_counted_per_day_by_their_keys_up_to_a_limit(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "COUNT_LIMIT", 2)
    monkeypatch.setattr(dashboard, "DAY_LIMIT", 3)
    moments = [TODAY - timedelta(milliseconds=1), *(TODAY + timedelta(seconds=number) for number in range(5))]

    counted = count_events(client, Event.LOGIN_FAIL, moments, (Event.LOGOUT, timedelta(minutes=1)))
    shown = dashboard_text(browser)

    assert counted
    assert [*counted.values()][-3:] == [0, 1, 4]
    assert len(counted) == DAYS
    assert "Failed sign-ins 4+ in 30 days" in shown
    assert f"{TODAY:%d %B}: 3+" in shown


def test_old_row_with_a_new_id_is_not_counted(client: TestClient) -> None:
    """Imported rows may have an older date than their ID."""

    async def add(session: AsyncSession) -> None:
        session.add(AuthEvent(at=TODAY - timedelta(days=DAYS + 1), name=Event.LOGOUT))

    in_database(client, add)

    counted = in_database(client, lambda session: count_per_day(session, AuthEvent, AuthEvent.at))
    assert counted
    assert set(counted.values()) == {0}


def test_charts_and_metrics_show_database_counts(client: TestClient, browser: TestClient) -> None:
    async def add(session: AsyncSession) -> None:
        now = utc_now()
        times = {"authenticated_at": now, "last_seen_at": now, "idle_expires_at": now + timedelta(days=1)}
        ada_s = {"user_id": ada.id, "kind": "web", **times}
        session.add(AuthSession(expires_at=now + timedelta(days=1), **ada_s))
        session.add(AuthSession(expires_at=now - timedelta(days=1), **ada_s))
        session.add(AuthEvent(name=Event.LOGIN_SUCCESS))
        session.add_all(AuthEvent(name=Event.LOGIN_FAIL) for _ in range(1200))
        session.add(AuthEvent(name=Event.SECOND_FACTOR_FAIL))
        session.add_all(Job(name="mail.send", state=state) for state in ("pending", "pending", "running"))
        session.add_all(Job(name="mail.send", state=state, ended_at=now) for state in ("succeeded", "failed", "failed"))
        session.add(Job(name="other", state="failed", ended_at=now))

    ada = add_user(client, "ada@example.com")
    in_database(client, add)
    shown = dashboard_text(browser)

    assert "New users 2 in 30 days" in shown
    assert "Sign-ins 1 in 30 days" in shown
    assert "Failed sign-ins 1,201 in 30 days" in shown
    assert f"{TODAY:%d %B}: 1,201" in shown
    assert f"{TODAY:%Y-%m-%d} 1,201" in shown
    assert "Active sessions 2" in shown
    assert "Queued emails 3 " in shown
    assert "Failed emails 2 " in shown
    assert "Users 2 " in shown


@pytest.mark.any_database
def test_inaccessible_views_are_not_counted(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for view in (users.UserView, events.EventView):
        monkeypatch.setattr(view, "is_accessible", permissions.never)

    shown = dashboard_text(browser)

    assert "Active sessions" in shown
    for label in ("New users", "Sign-ins", "sign-ins", "Users", "Events"):
        assert label not in shown


def test_metric_stops_counting_at_the_limit(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add(session: AsyncSession) -> None:
        session.add_all(Job(name="mail.send") for _ in range(4))

    monkeypatch.setattr(dashboard, "COUNT_LIMIT", 2)
    in_database(client, add)

    assert "Queued emails 2+ " in dashboard_text(browser)


def test_count_that_takes_too_long_is_left_out(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other numbers are shown, and the transaction stays usable."""

    async def add(session: AsyncSession) -> None:
        session.add(Job(name="mail.send"))

    in_database(client, add)
    limit, places = query_limits.statement_timeout, iter(range(99))

    @asynccontextmanager
    async def time_out_first(session: AsyncSession) -> AsyncIterator[None]:
        async with limit(session):
            yield
            if next(places) == 0:
                raise query_limits.QueryTimeout

    monkeypatch.setattr(query_limits, "statement_timeout", time_out_first)
    shown = browser.get("/admin/")

    assert shown.status_code == 200
    assert shown.text.count('title="Counting takes too long.">—<') == 1
    assert "Queued emails 1 " in " ".join(page_text(shown).split())


@pytest.mark.database("sqlite")
def test_slow_count_is_left_out_on_sqlite(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_limits, "STATEMENT_TIMEOUT_MS", -1)
    monkeypatch.setattr(query_limits, "_SQLITE_STEPS", 1)

    shown = dashboard_text(browser)

    assert "Queued emails — Failed emails — " in shown
    assert "Roles —" in shown
    assert browser.get("/admin/role/list").status_code == 200  # the connection is as before


@pytest.mark.database("postgresql")
def test_locked_table_is_not_waited_for(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_limits, "STATEMENT_TIMEOUT_MS", 50)

    async def lock(session: AsyncSession) -> Response:
        await session.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        return await asyncio.to_thread(browser.get, "/admin/")

    shown = " ".join(page_text(in_database(client, lock)).split())

    assert "Queued emails — Failed emails — " in shown
    assert "Emails more than 0 " in shown  # as in lists of some of the rows
    assert "Roles 1" in shown


@pytest.mark.any_database
def test_numbers_that_are_not_counts_are_shown_in_full() -> None:
    sales = Chart("Sales", {TODAY.date(): 250_000}, is_count=False)

    assert (sales.total, sales.text(250_000)) == ("250,000", "250,000")
    assert Metric("Sales", 250_000, is_count=False).text == "250,000"
    assert Metric("Rows", 250_000).text == "10,000+"


@pytest.mark.any_database
def test_chart_without_data_is_shown(browser: TestClient, admin: User) -> None:
    page = browser.get("/admin/").text

    assert admin.email in page
    assert "Failed sign-ins: at most 0 a day in the last 30 days" in page
