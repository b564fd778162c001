"""Jobs on the dashboard of the admin, and their schedules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.jobs.definitions import definitions
from app.jobs.models import JobSchedule, JobState
from tests.admin.browser import page_text
from tests.admin.factories import add_row
from tests.admin.jobs.test_jobs import add_job
from tests.jobs import samples

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def page(browser: TestClient, path: str) -> str:
    """Return the text of a page with single spaces."""
    response = browser.get(path)
    assert response.status_code == 200
    return " ".join(page_text(response).split())


def test_dashboard_counts_jobs_by_state(client: TestClient, browser: TestClient) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for state, number in {JobState.PENDING: 1, JobState.RUNNING: 2, JobState.FAILED: 4}.items():
        for _ in range(number):
            add_job(client, state)
    for _ in range(3):
        add_job(client, due_at=later)

    assert "Queued jobs 1 Running jobs 2 Scheduled jobs 3 Failed jobs 4 " in page(browser, "/admin/")


def test_charts_count_ended_jobs_on_the_days_that_are_kept(client: TestClient, browser: TestClient) -> None:
    for state, days in [
        (JobState.SUCCEEDED, 0),
        (JobState.SUCCEEDED, 6),
        (JobState.SUCCEEDED, 7),
        (JobState.FAILED, 9),
    ]:
        add_job(client, state, ended_at=TODAY - timedelta(days=days))

    shown = page(browser, "/admin/")

    assert "Succeeded jobs 2 in 7 days" in shown
    assert "Failed jobs 1 in 30 days" in shown
    assert f"{TODAY - timedelta(days=9):%Y-%m-%d} 1" in shown


def test_job_that_was_enqueued_long_ago_counts_when_it_ends(client: TestClient, browser: TestClient) -> None:
    old = UUID(int=int((TODAY - timedelta(days=90)).timestamp() * 1000) << 80)
    add_job(client, JobState.FAILED, id=old, ended_at=TODAY)

    assert "Failed jobs 1 in 30 days" in page(browser, "/admin/")


@pytest.mark.parametrize(
    ("schedule", "text"), [("0 3 * * *", "0 3 * * *"), (timedelta(hours=6, minutes=30), "every 6h 30m")]
)
def test_schedules_are_shown_but_not_changed(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch, schedule: str | timedelta, text: str
) -> None:
    monkeypatch.setitem(definitions, "invoices.remind", replace(samples.act, name="invoices.remind", schedule=schedule))
    next_at = TODAY + timedelta(days=400)
    add_row(client, JobSchedule(name="invoices.remind", next_at=next_at))

    shown = page(browser, "/admin/schedule/list")

    assert f"Invoices: remind {text} {next_at:%Y-%m-%d} 00:00 UTC" in shown
    assert text in page(browser, "/admin/schedule/detail?pk=invoices.remind")
    for path in ("create", "edit?pk=invoices.remind"):
        assert browser.get(f"/admin/schedule/{path}").status_code == 403


def test_schedule_of_a_job_that_is_gone_is_shown(client: TestClient, browser: TestClient) -> None:
    add_row(client, JobSchedule(name="invoices.gone", next_at=TODAY))

    assert f"Invoices: gone — {TODAY:%Y-%m-%d} 00:00 UTC" in page(browser, "/admin/schedule/list")
