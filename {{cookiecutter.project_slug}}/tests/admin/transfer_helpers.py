"""Helpers for exports and imports that run as jobs."""

import re
from typing import Any

from httpx2 import Response
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import Role, User
from app.accounts.permissions import Permission
from app.database.base import utc_now
from app.jobs.models import Job, JobChunk
from tests.admin.browser import csrf_token, page_text
from tests.admin.export_helpers import export_all
from tests.jobs.helpers import run_jobs
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

COUNT = 60
"""Enough rows for several chunks of the small size in these tests."""


def add_notes(client: TestClient, owner: User) -> None:
    """Add notes, the even ones with a long body."""
    rows = [SampleNote(title=f"note {n}", body="ä=1\n" * (n % 2 * 30), owner_id=owner.id) for n in range(COUNT)]

    async def add(session: AsyncSession) -> None:
        session.add_all(rows)

    in_database(client, add)


def start_export(browser: TestClient, kind: str = "csv", **data: str) -> str:
    """Start an export of all notes, and return the path of its page."""
    response = export_all(browser, kind, **data)
    assert response.status_code == 303, response.text
    return str(response.headers["Location"])


def open_page(browser: TestClient, page: str) -> str:
    """Return the text of the page of an export or import."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.text
    return re.sub(r"\s+", " ", page_text(shown))


def finish(browser: TestClient, page: str) -> Response:
    """Run an export, and return its file."""
    run_jobs(browser)
    assert "The file is ready" in open_page(browser, page)
    return browser.get(f"{page}/file")


def cancel(browser: TestClient, page: str) -> Response:
    """Press the button of the page."""
    return browser.post(f"{page}/cancel", data={"csrftoken": csrf_token(browser)})


def change_job(client: TestClient, **values: Any) -> None:
    """Change the only export or import."""
    in_database(client, lambda session: session.execute(update(Job).where(Job.label != "").values(values)))


def run_again(client: TestClient) -> None:
    """Run a job again whose attempt failed."""
    change_job(client, due_at=utc_now())
    run_jobs(client)


def job_of(client: TestClient) -> Job:
    """Return the only export or import."""
    return in_database(client, lambda session: session.scalars(select(Job).where(Job.label != ""))).one()


def count_chunks(client: TestClient) -> int:
    """Return the number of chunks of all jobs."""
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(JobChunk))) or 0


def lose_all_permissions(client: TestClient) -> None:
    """Take the permissions of all roles away, except the one to enter the admin."""
    kept: list[str] = [Permission.ADMIN_ACCESS]
    in_database(client, lambda session: session.execute(update(Role).values(permissions=kept)))


def delete_user(client: TestClient, user: User) -> None:
    """Delete an account."""
    in_database(client, lambda session: session.execute(delete(User).where(User.id == user.id)))
