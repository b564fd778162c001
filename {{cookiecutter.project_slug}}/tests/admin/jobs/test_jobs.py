"""Jobs in the admin: lists, pages without secrets, retry, cancel and delete."""

import re
from asyncio import to_thread
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.events import Event
from app.accounts.models import AuthEvent, Role, User
from app.accounts.permissions import Permission
from app.database.base import utc_now
from app.i18n import available_locales
from app.jobs.errors import JobFailed
from app.jobs.models import Job, JobState
from app.jobs.run import JobRun
from tests.admin.browser import export, listed_ids, page_text, run_action, run_row_action
from tests.admin.factories import add_row
from tests.admin.staff import add_staff, roles
from tests.jobs import samples
from tests.jobs.helpers import run_jobs
from tests.support import in_database
from tests.web.browser import open_browser

READER = (Permission.ADMIN_ACCESS, Permission.JOBS_READ)


def add_job(client: TestClient, state: JobState = JobState.PENDING, **values: Any) -> str:
    """Add a job, and return its ID. One that isn't pending has started, and one that isn't running has ended."""
    now = utc_now()
    times = {"started_at": None if state == JobState.PENDING else now}
    ended = None if state in {JobState.PENDING, JobState.RUNNING} else now
    job = Job(**{"name": "invoices.deliver", "state": state, "arguments": {}, **times, "ended_at": ended, **values})
    return str(add_row(client, job).id)


def states(client: TestClient) -> dict[str, str]:
    """Return the states of all jobs by ID."""
    rows = in_database(client, lambda session: session.execute(select(Job.id, Job.state)))
    return {str(row.id): row.state for row in rows}


@pytest.fixture
def jobs(client: TestClient, browser: TestClient) -> Mapping[str, str]:  # noqa: ARG001 - deletes what others left
    """Return the IDs of a job in each state, by state."""
    errors = {JobState.FAILED: "ConnectionError: nobody there"}
    return {state: add_job(client, state, label=f"Invoice {state}", last_error=errors.get(state)) for state in JobState}


def detail(browser: TestClient, job: str) -> str:
    """Return the text of a job's page with single spaces."""
    shown = browser.get(f"/admin/job/detail?pk={job}")
    assert shown.status_code == 200, shown.text
    return " ".join(page_text(shown).split())


def test_list_shows_jobs_in_words_with_their_states(client: TestClient, browser: TestClient) -> None:
    add_job(client, JobState.RUNNING, label="Invoice 7", progress=0.4)
    add_job(client, JobState.FAILED, name="api_keys.send_all", last_error="ConnectionError: nobody there")

    page = browser.get("/admin/job/list")

    text = " ".join(page_text(page).split())
    for shown in ("Invoices: deliver", "Invoice 7", "40%", "API keys: send all", "ConnectionError: nobody there"):
        assert shown in text
    assert '<span class="badge bg-primary">Running</span> 40% <progress max="1" value="0.4"' in page.text
    assert '<span class="badge bg-danger">Failed</span>' in page.text


@pytest.mark.parametrize("state", JobState)
def test_jobs_are_filtered_by_state(browser: TestClient, jobs: Mapping[str, str], state: JobState) -> None:
    assert listed_ids(browser, "job", filter=f"state__eq={state}") == [jobs[state]]


def test_jobs_are_filtered_by_queue_and_name_and_searched(client: TestClient, browser: TestClient) -> None:
    slow = add_job(client, queue="slow", label="Invoice 7")
    other = add_job(client, name="api_keys.send_all", last_error="ConnectionError: nobody there")

    assert listed_ids(browser, "job", filter="queue__eq=slow") == [slow]
    assert listed_ids(browser, "job", filter="name__eq=api_keys.send_all") == [other]
    assert listed_ids(browser, "job", q="invoice 7") == [slow]
    assert listed_ids(browser, "job", q="nobody") == [other]
    assert browser.get("/admin/job/list", params={"filter": "arguments__contains=x"}).status_code == 400


def test_only_pending_jobs_are_due(client: TestClient, browser: TestClient) -> None:
    """Of a running job, the column has the end of its lease."""
    due = utc_now() + timedelta(days=400)
    pages = {state: detail(browser, add_job(client, state, due_at=due)) for state in JobState}

    assert [state for state, page in pages.items() if f"{due:%Y-%m-%d}" in page] == [JobState.PENDING]


def test_page_shows_arguments_result_and_cursor_without_secrets(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    job = add_job(
        client,
        JobState.SUCCEEDED,
        arguments={"invoice": "2026-7", "apiKey": "s3cret", "to": [{"reset_token": "s3cret", "name": "<b>Bob</b>"}]},
        cursor={"done": 41, "password": "s3cret"},
        result={"sent": 42, "access-token": "s3cret"},
        owner_id=ada.id,
        worker="host-1:77",
    )

    page, text = browser.get(f"/admin/job/detail?pk={job}").text, detail(browser, job)

    for shown in ('"invoice": "2026-7"', '"apiKey": "•••"', '"reset_token": "•••"', '"done": 41', '"sent": 42'):
        assert shown in text
    assert "s3cret" not in page
    assert "&lt;b&gt;Bob" in page
    assert "host-1:77" in text
    assert f"/admin/user/detail?pk={ada.id}" in page


def test_encrypted_arguments_are_hidden(client: TestClient, browser: TestClient) -> None:
    job = add_job(client, arguments={"encrypted": "gAAAAABciphertext"})

    shown = [browser.get(path).text for path in (f"/admin/job/detail?pk={job}", "/admin/job/list")]
    shown += [export(browser, "job", kind).text for kind in ("csv", "json")]

    assert "Arguments Encrypted " in detail(browser, job)
    assert all("gAAAA" not in page for page in shown)


def test_exports_have_no_arguments(client: TestClient, browser: TestClient) -> None:
    job = add_job(client, JobState.FAILED, arguments={"invoice": "2026-7"}, result={"sent": "2026-7"})

    (row,) = export(browser, "job", "json").json()

    assert (row["id"], row["state"], row["name"]) == (job, "failed", "invoices.deliver")
    assert "2026-7" not in str(row)


@pytest.mark.parametrize("run", [run_action, run_row_action])
@pytest.mark.parametrize(
    ("action", "state", "after"),
    [
        ("retry", JobState.FAILED, JobState.PENDING),
        ("retry", JobState.CANCELED, JobState.PENDING),
        ("cancel", JobState.PENDING, JobState.CANCELED),
        ("cancel", JobState.RUNNING, JobState.CANCELED),
    ],
)
def test_action_changes_a_job_and_is_recorded(  # noqa: PLR0913, PLR0917 - parameters
    client: TestClient, browser: TestClient, run: Any, action: str, state: JobState, after: JobState
) -> None:
    job = add_job(client, state, attempts=3, label="Invoice 7")

    assert run(browser, "job", action, job).status_code == 200

    assert states(client) == {job: after}
    recorded = select(AuthEvent.data).where(AuthEvent.name == Event.ADMIN_ACTION, AuthEvent.target_id == job)
    (data,) = in_database(client, lambda session: session.scalars(recorded)).all()
    assert data == {"action": action, "name": "Invoices: deliver (Invoice 7)"}


@pytest.mark.parametrize("run", [run_action, run_row_action])
@pytest.mark.parametrize(
    ("action", "allowed", "reason"),
    [
        ("retry", {"failed", "canceled"}, "Only failed and canceled jobs that have not been queued again can be"),
        ("cancel", {"pending", "running"}, "Only jobs that have not ended can be canceled."),
    ],
)
def test_refused_action_says_why(  # noqa: PLR0913, PLR0917 - parameters
    client: TestClient,
    browser: TestClient,
    jobs: Mapping[str, str],
    run: Any,
    action: str,
    allowed: set[str],
    reason: str,
) -> None:
    for state in jobs.keys() - allowed:
        response = run(browser, "job", action, jobs[state])
        assert response.status_code == 400
        assert reason in response.json()["msg"]

    assert states(client) == {job: state for state, job in jobs.items()}


def test_action_on_some_jobs_says_why_others_stay(browser: TestClient, jobs: Mapping[str, str]) -> None:
    assert run_action(browser, "job", "retry", *jobs.values()).status_code == 200

    shown = page_text(browser.get("/admin/job/list"))
    assert "Queued for retry: 2. Only failed and canceled jobs" in shown
    assert {*listed_ids(browser, "job", filter="state__eq=pending")} == {
        jobs[state] for state in ("pending", "failed", "canceled")
    }


def test_failed_job_is_retried_and_runs(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(run: JobRun) -> None:
        raise JobFailed(f"attempt {run.attempt}")

    monkeypatch.setitem(samples.actions, "it", fail)
    job = str(in_database(client, lambda session: samples.act.enqueue(session, "it")))
    run_jobs(client)
    assert "JobFailed: attempt 1" in detail(browser, job)

    monkeypatch.delitem(samples.actions, "it")
    assert run_row_action(browser, "job", "retry", job).status_code == 200
    run_jobs(client)

    assert states(client) == {job: "succeeded"}
    assert "Tests: act" in detail(browser, job)


def test_running_job_that_is_canceled_commits_nothing_more(
    client: TestClient, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_canceled(run: JobRun) -> None:
        async with run.transaction() as session:
            session.add(Role(name="written", permissions=[]))
            await to_thread(run_row_action, browser, "job", "cancel", run.id)

    monkeypatch.setitem(samples.actions, "it", be_canceled)
    job = str(in_database(client, lambda session: samples.act.enqueue(session, "it")))
    run_jobs(client)

    assert states(client) == {job: "canceled"}
    assert "written" not in roles(client)


def test_job_that_another_one_replaces_is_not_retried(client: TestClient, browser: TestClient) -> None:
    failed, queued = (add_job(client, state, unique_key="2026-7") for state in (JobState.FAILED, JobState.PENDING))

    assert "queued again" in run_row_action(browser, "job", "retry", failed).json()["msg"]

    assert states(client) == {failed: "failed", queued: "pending"}


def test_page_offers_the_actions_that_the_state_allows(browser: TestClient, jobs: Mapping[str, str]) -> None:
    offered = {
        state: [
            action
            for action in ("edit", "retry", "cancel", "delete")
            if f'data-sa-name="{action}"' in browser.get(f"/admin/job/detail?pk={job}").text
        ]
        for state, job in jobs.items()
    }

    assert offered == {
        "pending": ["cancel", "delete"],
        "running": ["cancel", "delete"],
        "succeeded": ["delete"],
        "failed": ["retry", "delete"],
        "canceled": ["retry", "delete"],
    }


def test_job_is_deleted_but_neither_created_nor_edited(client: TestClient, browser: TestClient) -> None:
    job = add_job(client)

    assert browser.get("/admin/job/create").status_code == 403
    assert browser.get(f"/admin/job/edit?pk={job}").status_code == 403
    assert states(client) == {job: "pending"}
    assert run_row_action(browser, "job", "delete", job).status_code == 200

    assert states(client) == {}


def test_reading_and_changing_need_a_permission(client: TestClient) -> None:
    job = add_job(client, JobState.FAILED)
    support = open_browser(client, add_staff(client, "support", Permission.ADMIN_ACCESS, Permission.USERS_READ))
    reader = open_browser(client, add_staff(client, "reader", *READER))

    assert support.get("/admin/job/list").status_code == 403
    assert support.get("/admin/schedule/list").status_code == 403
    assert "Failed jobs" not in support.get("/admin/").text
    assert "Invoices: deliver" in detail(reader, job)
    for action in ("retry", "delete"):
        for run in (run_action, run_row_action):
            assert run(reader, "job", action, job).json() == {"msg": "Forbidden"}
    assert states(client) == {job: "failed"}


def test_owner_is_hidden_without_permission_to_see_users(client: TestClient, ada: User) -> None:
    job = add_job(client, owner_id=ada.id)
    reader = open_browser(client, add_staff(client, "reader", *READER))

    assert ada.email not in detail(reader, job)
    assert listed_ids(reader, "job", q=ada.email) == []


def test_event_names_the_job_and_links_to_it_once(client: TestClient, browser: TestClient) -> None:
    """The view of emails shows rows of the same table."""
    job = add_job(client, JobState.FAILED)
    run_row_action(browser, "job", "retry", job)

    events = browser.get("/admin/event/list", params={"q": job})

    assert re.findall(rf"/admin/(\w+)/detail\?pk={job}[^>]*>([^<]+)</a>", events.text) == [("job", "Invoices: deliver")]


@pytest.mark.skipif("de" not in available_locales(), reason="there are no German texts")
def test_jobs_are_in_german(client: TestClient, browser: TestClient) -> None:
    job = add_job(client, JobState.FAILED, name="admin.export_rows", progress=0.4)
    browser.headers |= {"Accept-Language": "de"}

    text = detail(browser, job)
    refused = run_row_action(browser, "job", "cancel", job)

    assert "Fehlgeschlagen 40 %" in text
    assert "Erneut versuchen" in text
    assert "Verwaltung: Zeilen exportieren" in text
    assert refused.json()["msg"].startswith("Nur Aufgaben, die noch nicht beendet sind,")
