"""Large exports run as jobs: the same file as at once, from where the last attempt stopped, for its user only."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission
from app.admin.base import exports
from app.admin.transfers import jobs
from app.database.base import utc_now
from app.jobs import job_queue
from app.jobs.chunks import append_chunks, delete_chunks
from app.jobs.models import Job
from app.jobs.run import JobRun
from tests.admin.audit_log import recorded_events
from tests.admin.export_helpers import export_all
from tests.admin.files.test_xlsx import cells
from tests.admin.staff import add_staff
from tests.admin.transfer_helpers import (
    COUNT,
    add_notes,
    cancel,
    change_job,
    count_chunks,
    finish,
    job_of,
    lose_all_permissions,
    open_page,
    run_again,
    start_export,
)
from tests.jobs.helpers import run_jobs
from tests.sample.sample_notes.admin import SampleNoteView
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database
from tests.web.browser import open_browser


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports of more than ten rows be large, in chunks of a few hundred bytes."""
    monkeypatch.setattr(exports, "LARGE_EXPORT", 10)
    monkeypatch.setattr(exports, "CHUNK_SIZE", 5)
    monkeypatch.setattr(jobs, "CHUNK_BYTES", 400)


def protect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Require a permission for the exports of notes."""
    monkeypatch.setattr(SampleNoteView, "action_permissions", {"export": Permission.USERS_READ})


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_file_is_the_same_as_at_once(
    client: TestClient, browser: TestClient, ada: User, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_notes(client, ada)
    page = start_export(browser, kind, filename="Noten ü")

    response = finish(browser, page)
    chunks = count_chunks(client)
    monkeypatch.setattr(exports, "LARGE_EXPORT", COUNT)
    direct = export_all(browser, kind, filename="Noten ü")

    assert response.content == direct.content
    assert len(response.content) > 400 * 5
    assert chunks > 5
    for header in ("Content-Type", "Content-Disposition"):
        assert response.headers[header] == direct.headers[header]


def test_workbook_has_the_same_cells(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_BETWEEN_CHECKS", 10)
    add_notes(client, ada)
    page = start_export(browser, "xlsx")

    response = finish(browser, page)
    monkeypatch.setattr(exports, "LARGE_EXPORT", COUNT)

    assert cells(response.content) == cells(export_all(browser, "xlsx").content)
    assert len(cells(response.content)) == COUNT + 1


def test_file_is_continued_where_the_last_attempt_stopped(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK_BYTES", 100)
    add_notes(client, ada)
    page = start_export(browser, "csv", fields="title")
    fails_at = 3

    async def append(session: AsyncSession, job_id: UUID, content: bytes, first: int) -> int:
        if first == fails_at:
            raise RuntimeError
        return await append_chunks(session, job_id, content, first)

    monkeypatch.setattr(jobs, "append_chunks", append)
    run_jobs(browser)
    shown = open_page(browser, page)
    # The rows that are in the file are gone: a file that is written again wouldn't have them.
    in_database(client, lambda session: session.execute(delete(SampleNote).where(SampleNote.title == "note 59")))
    fails_at = -1
    run_again(client)

    assert count_chunks(client) > 3
    assert "Waiting to start" in shown
    titles = browser.get(f"{page}/file").text.splitlines()[1:]
    assert titles == [f"note {n}" for n in reversed(range(COUNT))]


def test_file_is_written_again_if_its_start_was_deleted(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    page = start_export(browser, "json")
    finish(browser, page)
    whole = browser.get(f"{page}/file").json()
    cursor = [whole[20]["id"], 21, 4]  # of chunks that no longer exist

    page = start_export(browser, "json")
    in_database(
        client, lambda session: session.execute(update(Job).where(Job.ended_at.is_(None)).values(cursor=cursor))
    )

    assert finish(browser, page).json() == whole


def test_page_file_and_cancel_are_for_the_user_only(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    page = start_export(browser)
    other = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS))

    statuses = [other.get(page).status_code, other.get(f"{page}/file").status_code, cancel(other, page).status_code]
    finish(browser, page)
    statuses += [other.get(page).status_code, other.get(f"{page}/file").status_code]

    assert statuses == [404] * 5


@pytest.mark.parametrize("path", ["nothing", "00000000-0000-0000-0000-000000000000", "%00"])
def test_unknown_export_is_not_found(browser: TestClient, path: str) -> None:
    assert browser.get(f"/admin/transfers/{path}").status_code in {400, 404}
    assert browser.get(f"/admin/transfers/{path}/file").status_code in {400, 404}


def test_export_fails_if_its_user_has_lost_the_permission(
    client: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_notes(client, ada)
    staff = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS, Permission.USERS_READ))
    protect(monkeypatch)
    page = start_export(staff)

    lose_all_permissions(client)
    run_jobs(client)

    assert count_chunks(client) == 0
    assert "You no longer have the permission" in open_page(staff, page)
    assert staff.get(f"{page}/file").status_code == 404


def test_file_is_refused_if_its_user_has_lost_the_permission(
    client: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_notes(client, ada)
    staff = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS, Permission.USERS_READ))
    protect(monkeypatch)
    page = start_export(staff)
    assert finish(staff, page).status_code == 200

    lose_all_permissions(client)

    assert staff.get(f"{page}/file").status_code == 403


def test_canceled_export_leaves_nothing(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    page = start_export(browser)

    response = cancel(browser, page)
    run_jobs(client)

    assert (response.status_code, response.headers["Location"]) == (303, page)
    assert "Canceled" in open_page(browser, page)
    assert count_chunks(client) == 0
    assert browser.get(f"{page}/file").status_code == 404


def test_export_can_be_canceled_while_it_runs(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_notes(client, ada)
    page = start_export(browser)

    opened = 0

    async def open_and_cancel(run: JobRun, task: jobs.ExportTask) -> jobs.Export:
        nonlocal opened
        opened += 1
        if opened == 4:
            async with run.database.sessions.begin() as session:
                await job_queue.cancel(session, [await session.get_one(Job, run.id)])
                await delete_chunks(session, run.id)
        return await open_export(run, task)

    open_export = jobs.open_export
    monkeypatch.setattr(jobs, "open_export", open_and_cancel)
    run_jobs(client)

    assert opened == 4
    assert count_chunks(client) == 0
    assert "Canceled" in open_page(browser, page)


def test_file_is_kept_for_a_day(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    page = start_export(browser)
    finish(browser, page)

    change_job(client, ended_at=utc_now() - timedelta(hours=23))
    in_database(client, jobs.delete_old_files.enqueue)
    run_jobs(client)
    kept = browser.get(f"{page}/file").status_code
    change_job(client, ended_at=utc_now() - timedelta(hours=25))
    in_database(client, jobs.delete_old_files.enqueue)
    run_jobs(client)

    assert (kept, count_chunks(client)) == (200, 0)
    assert "deleted after 24 hours" in open_page(browser, page)
    assert browser.get(f"{page}/file").status_code == 404


def test_search_of_the_list_is_not_readable_in_the_table(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    page = start_export(browser)

    pending = str(job_of(client).arguments)
    finish(browser, page)

    assert "note" not in pending
    assert job_of(client).arguments is None


def test_export_is_recorded_like_one_at_once(client: TestClient, browser: TestClient, ada: User, admin: User) -> None:
    add_notes(client, ada)

    finish(browser, start_export(browser))

    [event] = recorded_events(client, "data_exported")
    assert (event.actor_id, event.target_type, event.data) == (
        admin.id,
        "sample_notes",
        {"format": "csv", "rows": COUNT},
    )


def test_exports_of_the_user_are_listed(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    empty = open_page(browser, "/admin/transfers")
    page = start_export(browser)
    other = open_browser(client, add_staff(client, "staff", Permission.ADMIN_ACCESS))

    listed = browser.get("/admin/transfers").text

    assert f'href="{page}">Export of sample notes' in listed
    assert "Waiting to start" in open_page(browser, "/admin/transfers")
    assert "None yet" in empty
    assert "None yet" in open_page(other, "/admin/transfers")


def test_page_is_in_german(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada)
    browser.headers["Accept-Language"] = "de"
    page = start_export(browser)

    waiting = open_page(browser, page)
    run_jobs(client)

    assert "Wartet auf den Start" in waiting
    assert "Die Datei ist fertig" in open_page(browser, page)
