"""Emails in the admin: state without content."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import utc_now
from app.jobs.models import Job
from app.jobs.wake import signal_of
from tests.admin.browser import export, listed_ids, page_text, run_action, run_row_action
from tests.support import emails_to, in_database, wait_until

pytestmark = pytest.mark.any_database


def update_email(client: TestClient, row: str, **values: Any) -> None:
    """Update an email in the database."""

    async def work(session: AsyncSession) -> None:
        await session.execute(update(Job).where(Job.id == UUID(row)).values(values))

    in_database(client, work)


@pytest.fixture
def emails(client: TestClient, browser: TestClient, ada: User, bob: User) -> list[str]:
    """Return the IDs of three emails: sent, waiting and failed."""
    for email in (ada.email, bob.email, ada.email):
        assert client.post("/api/v1/auth/password/forgot", json={"email": email}).status_code == 202
    rows = listed_ids(browser, "mail")[::-1]
    update_email(client, rows[0], state="succeeded", ended_at=utc_now(), arguments=None, attempts=1)
    update_email(
        client, rows[2], state="failed", ended_at=utc_now(), attempts=8, last_error="SMTPConnectError: nobody there"
    )
    return rows


def test_emails_are_listed_without_content(browser: TestClient, emails: list[str]) -> None:
    pages = [browser.get("/admin/mail/list"), *(browser.get(f"/admin/mail/detail?pk={row}") for row in emails)]
    pages += [export(browser, "mail", kind) for kind in ("csv", "json")]

    assert "SMTPConnectError: nobody there" in page_text(pages[0])
    assert {page.status_code for page in pages} == {200}
    assert listed_ids(browser, "mail", q="reset the pass") == emails[::-1]
    assert all("Link to reset the password" in page_text(page) for page in pages[:2])
    assert "reset_password" in pages[-1].text
    for page in pages:
        assert "arguments" not in page.text
        assert "gAAAA" not in page.text, "start of an encrypted payload"
        assert "bob@example.com" not in page.text


@pytest.mark.parametrize(("state", "number"), [("succeeded", 0), ("pending", 1), ("failed", 2)])
def test_emails_are_filtered_by_state(browser: TestClient, emails: list[str], state: str, number: int) -> None:
    assert listed_ids(browser, "mail", filter=f"state__eq={state}") == [emails[number]]


def test_only_waiting_emails_have_a_next_attempt(browser: TestClient, emails: list[str]) -> None:
    pages = [browser.get(f"/admin/mail/detail?pk={row}").text for row in emails]

    shown = [page.partition("<dt>Next attempt</dt>")[2].partition("</dd>")[0] for page in pages]
    assert [" UTC" in value for value in shown] == [False, True, False]


@pytest.mark.parametrize("retry", [run_action, run_row_action])
def test_failed_email_is_retried(client: TestClient, browser: TestClient, emails: list[str], retry: Any) -> None:
    woken: list[bool] = []
    with signal_of(client.app_state["database"]).call(lambda: woken.append(True)):
        assert retry(browser, "mail", "retry", emails[2]).status_code == 200
        wait_until(lambda: woken)

    assert listed_ids(browser, "mail", filter="state__eq=pending") == [emails[2], emails[1]]


def test_sent_email_is_not_retried(browser: TestClient, emails: list[str]) -> None:
    assert run_row_action(browser, "mail", "retry", emails[0]).status_code == 400
    assert run_action(browser, "mail", "retry", *emails).status_code == 200

    assert listed_ids(browser, "mail", filter="state__eq=succeeded") == [emails[0]]


def test_email_can_be_deleted_but_not_created_or_edited(
    client: TestClient, browser: TestClient, emails: list[str], bob: User
) -> None:
    assert browser.get("/admin/mail/create").status_code == 403
    assert browser.get(f"/admin/mail/edit?pk={emails[1]}").status_code == 403
    assert emails_to(client, bob.email)

    assert run_row_action(browser, "mail", "delete", emails[1]).status_code == 200

    assert emails_to(client, bob.email) == []
