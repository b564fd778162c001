"""Permissions of views, actions, fields and rows, on every route."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Request
from httpx2 import Response
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.accounts.permissions import Permission
from tests.admin.browser import csrf_token, export, listed_ids, page_text, run_action, run_row_action, save
from tests.admin.factories import add_note
from tests.admin.staff import MANAGER, add_staff
from tests.sample.sample_notes.admin import SampleNoteView
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

ACCOUNTS = ("user", "role", "session", "event", "mail")
NO_SUCH_ROW = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def editor(client: TestClient) -> User:
    """Return a user who may only enter the admin."""
    return add_staff(client, "editor", Permission.ADMIN_ACCESS)


@pytest.fixture
def editors(client: TestClient, editor: User) -> TestClient:
    """Return the editor's browser."""
    return open_browser(client, editor)


@pytest.fixture
def note(client: TestClient, ada: User) -> SampleNote:
    return add_note(client, ada, "Milk")


def notes(client: TestClient) -> dict[str, SampleNote]:
    """Return all notes by title."""

    async def read(session: AsyncSession) -> dict[str, SampleNote]:
        return {note.title: note for note in await session.scalars(select(SampleNote))}

    return in_database(client, read)


def post(browser: TestClient, path: str, **data: Any) -> Response:
    """Submit a form without loading it."""
    return browser.post(f"/admin/{path}", data={"csrftoken": csrf_token(browser), **data})


def edit(browser: TestClient, row: object) -> Response:
    """Submit the form of a note without loading it."""
    return post(browser, f"sample-note/edit?pk={row}", title="x", body="x", _version="1")


def test_editor_can_use_views_without_permissions(
    client: TestClient, editors: TestClient, editor: User, note: SampleNote
) -> None:
    assert listed_ids(editors, "sample-note") == [str(note.id)]
    assert export(editors, "sample-note", "csv").status_code == 200
    assert save(editors, f"/admin/sample-note/edit?pk={note.id}", title="Bread", body="").status_code == 303
    assert save(editors, "/admin/sample-note/create", title="Eggs", body="").status_code == 303

    owners = {title: written.owner_id for title, written in notes(client).items()}
    assert owners == {"Bread": note.owner_id, "Eggs": editor.id}
    assert run_action(editors, "sample-note", "delete", note.id).status_code == 200
    assert list(notes(client)) == ["Eggs"]


@pytest.mark.parametrize("view", ACCOUNTS)
def test_account_views_are_denied_on_every_route(editors: TestClient, view: str) -> None:
    get, row = editors.get, f"pk={NO_SUCH_ROW}"
    form = {"csrftoken": csrf_token(editors), "name": "x"}
    denied = [
        *(get(f"/admin/{view}/{page}") for page in ("list", "create", f"detail?{row}", f"edit?{row}")),
        *(get(f"/admin/_api/{view}/relation-lookup?{query}") for query in ("q=a", f"pks={NO_SUCH_ROW}", "")),
        *(get(f"/admin/_api/{view}/{page}?{row}&field=name") for page in ("inline-edit", "inline-edit/row")),
        *(editors.post(f"/admin/{view}/{page}", data=form) for page in ("create", f"edit?{row}")),
        *(
            editors.post(f"/admin/_api/{view}/{page}", data=form)
            for page in ("import", f"inline-edit?{row}&field=name")
        ),
    ]
    forbidden = [
        export(editors, view, "csv"),
        *(
            run(editors, view, name, NO_SUCH_ROW)
            for run in (run_action, run_row_action)
            for name in ("delete", "end", "reset")
        ),
        editors.post(f"/admin/_api/{view}/action?name=delete&all=1", headers={"X-CSRFToken": form["csrftoken"]}),
    ]

    assert {response.status_code for response in denied} == {403}
    assert [(response.status_code, response.json()) for response in forbidden] == [(400, {"msg": "Forbidden"})] * 8


def test_menu_and_dashboard_show_accessible_views_only(client: TestClient, editors: TestClient, admin: User) -> None:
    shown, all_of_it = editors.get("/admin/").text, open_browser(client, admin).get("/admin/").text

    for view in ACCOUNTS:
        assert f"/admin/{view}/list" not in shown
        assert all_of_it.count(f"/admin/{view}/list") >= 2
    assert shown.count("/admin/sample-note/list") == 2


def test_owners_are_hidden_without_permission_to_see_users(
    client: TestClient, editors: TestClient, note: SampleNote, ada: User, bob: User
) -> None:
    pages = ["list", f"detail?pk={note.id}", f"edit?pk={note.id}", "create"]
    shown = [editors.get(f"/admin/sample-note/{page}").text for page in pages]

    shown.append(export(editors, "sample-note", "json").text)
    assert not [text for text in shown if ada.email in text or "wner" in text]
    assert listed_ids(editors, "sample-note", q="ada@example") == []
    assert editors.get("/admin/sample-note/list?filter=owner__is_null%3D1").status_code == 400
    save(editors, f"/admin/sample-note/edit?pk={note.id}", title="Milk", body="", owner=str(bob.id))
    assert notes(client)["Milk"].owner_id == ada.id


def test_permission_to_see_accounts_does_not_allow_changes(client: TestClient, ada: User) -> None:
    browser = open_browser(client, add_staff(client, "support", Permission.ADMIN_ACCESS, Permission.USERS_READ))
    session = listed_ids(browser, "session")[0]

    assert ada.email in browser.get(f"/admin/user/detail?pk={ada.id}").text
    assert ada.email in browser.get("/admin/_api/user/relation-lookup?q=ada").text
    assert browser.get(f"/admin/user/edit?pk={ada.id}").status_code == 403
    assert post(browser, f"user/edit?pk={ada.id}", display_name="x").status_code == 403
    assert browser.get("/admin/role/create").status_code == 403
    for view, name, row in (("user", "delete", ada.id), ("user", "reset", ada.id), ("session", "end", session)):
        for run in (run_action, run_row_action):
            assert run(browser, view, name, row).json() == {"msg": "Forbidden"}
        assert f'"{name}"' not in browser.get(f"/admin/{view}/list").text
    assert in_database(client, lambda s: s.scalar(select(AuthSession.revoked_at))) is None


def test_revoked_permission_takes_effect_immediately(client: TestClient, admin: User) -> None:
    browser = open_browser(client, add_staff(client, "manager", *MANAGER))
    role = listed_ids(browser, "role")[0]
    assert browser.get("/admin/user/list").status_code == 200

    save(open_browser(client, admin), f"/admin/role/edit?pk={role}", name="manager", permissions="admin:access")

    assert browser.get("/admin/user/list").status_code == 403
    assert browser.get("/admin/").status_code == 200


def test_change_permission_is_required_for_changes_only(
    editors: TestClient, note: SampleNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SampleNoteView, "change_permission", Permission.USERS_IMPERSONATE)

    assert editors.get(f"/admin/sample-note/detail?pk={note.id}").status_code == 200
    assert export(editors, "sample-note", "csv").status_code == 200
    assert editors.get("/admin/sample-note/create").status_code == 403
    assert post(editors, "sample-note/create", title="x").status_code == 403
    assert edit(editors, note.id).status_code == 403
    assert run_action(editors, "sample-note", "delete", note.id).json() == {"msg": "Forbidden"}


@pytest.mark.parametrize(
    ("action", "attempt"),
    [
        pytest.param("view", lambda browser, row: browser.get(f"/admin/sample-note/detail?pk={row}"), id="view"),
        pytest.param("create", lambda browser, _: post(browser, "sample-note/create", title="x", body=""), id="create"),
        pytest.param("edit", edit, id="edit"),
        pytest.param("delete", lambda browser, row: run_action(browser, "sample-note", "delete", row), id="delete"),
        pytest.param(
            "delete", lambda browser, row: run_row_action(browser, "sample-note", "delete", row), id="delete-one"
        ),
        pytest.param("export", lambda browser, _: export(browser, "sample-note", "csv"), id="export"),
    ],
)
def test_action_permission_is_required(
    editors: TestClient,
    note: SampleNote,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    attempt: Callable[[TestClient, object], Response],
) -> None:
    monkeypatch.setattr(SampleNoteView, "action_permissions", {action: Permission.USERS_IMPERSONATE})

    assert attempt(editors, note.id).status_code in {400, 403}
    assert listed_ids(editors, "sample-note") == [str(note.id)]
    writer = add_staff(editors, "writer", Permission.ADMIN_ACCESS, Permission.USERS_IMPERSONATE)
    assert attempt(open_browser(editors, writer), note.id).status_code < 400


def test_field_without_permission_is_hidden_and_ignored(
    client: TestClient, editors: TestClient, note: SampleNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SampleNoteView, "field_permissions", {"title": Permission.USERS_IMPERSONATE})

    pages = ["list", "list?q=Two", f"detail?pk={note.id}", f"edit?pk={note.id}"]
    shown = [editors.get(f"/admin/sample-note/{page}") for page in pages] + [export(editors, "sample-note", "csv")]
    assert {response.status_code for response in shown} == {200}
    assert not [response for response in shown if "Milk" in response.text or "Title" in response.text]
    assert "Milk" not in editors.get("/admin/_api/sample-note/relation-lookup").text
    assert listed_ids(editors, "sample-note", q="Milk") == []
    assert editors.get("/admin/sample-note/list?filter=title__eq%3DMilk").status_code == 400
    response = save(editors, f"/admin/sample-note/edit?pk={note.id}", title="Bread", body="Three")
    assert response.status_code == 303, page_text(response)
    assert {title: written.body for title, written in notes(client).items()} == {"Milk": "Three"}


def test_hidden_row_is_not_found(
    client: TestClient, editors: TestClient, editor: User, note: SampleNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(_: SampleNoteView, request: Request, rows: Select[Any]) -> Select[Any]:
        return rows.where(SampleNote.owner_id == request.state.visitor.user_id)

    monkeypatch.setattr(SampleNoteView, "visible_rows", own)
    mine = add_note(client, editor, "Mine")

    assert listed_ids(editors, "sample-note") == [str(mine.id)]
    assert "Milk" not in export(editors, "sample-note", "csv").text
    assert editors.get(f"/admin/_api/sample-note/relation-lookup?pks={note.id}").json() == {"items": [], "total": 0}
    assert editors.get("/admin/_api/sample-note/relation-lookup?q=Milk").json() == {"items": [], "total": 0}
    for page in ("detail", "edit"):
        assert editors.get(f"/admin/sample-note/{page}?pk={note.id}").status_code == 404
    assert edit(editors, note.id).status_code == 404
    run_row_action(editors, "sample-note", "delete", note.id)
    run_action(editors, "sample-note", "delete", note.id, mine.id)
    assert list(notes(client)) == ["Milk"]
    assert "Sample notes 0 " in " ".join(page_text(editors.get("/admin/")).split())


def test_change_that_would_hide_the_row_is_rejected(
    client: TestClient, editors: TestClient, monkeypatch: pytest.MonkeyPatch, note: SampleNote
) -> None:
    not_secret = SampleNote.title != "Secret"
    monkeypatch.setattr(SampleNoteView, "visible_rows", lambda _view, _request, rows: rows.where(not_secret))

    created = save(editors, "/admin/sample-note/create", title="Secret", body="")
    moved = save(editors, f"/admin/sample-note/edit?pk={note.id}", title="Secret", body="")

    assert (created.status_code, moved.status_code) == (422, 422)
    assert "You wouldn't have access to the record after this change." in page_text(moved)
    assert list(notes(client)) == ["Milk"]


def test_visible_row_may_be_readonly(
    client: TestClient, editors: TestClient, editor: User, note: SampleNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SampleNoteView, "can_change_row", lambda _view, _request, row: row.title != "Milk")
    other = add_note(client, editor, "Bread")

    shown = editors.get(f"/admin/sample-note/detail?pk={note.id}").text

    assert "Milk" in shown
    assert f"/admin/sample-note/edit?pk={note.id}" not in shown
    assert editors.get(f"/admin/sample-note/edit?pk={note.id}").status_code == 403
    assert edit(editors, note.id).status_code == 403
    assert run_row_action(editors, "sample-note", "delete", note.id).json() == {"msg": "Forbidden"}
    assert run_action(editors, "sample-note", "delete", other.id, note.id).json() == {"msg": "Forbidden"}
    assert set(notes(client)) == {"Milk", "Bread"}
    assert export(editors, "sample-note", "csv").status_code == 200
