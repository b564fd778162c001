"""What admins do to rows is written down, in the transaction of the change, and shown with the row and in the log."""

import gc
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from starlette_admin.actions import action, row_action
from starlette_admin.contrib.sqla import InlineModelView
from starlette_admin.exceptions import ActionFailed

from app.accounts.models import AuthEvent, AuthSession, User
from app.admin.accounts import UserView
from app.admin.changes import LONGEST, compare
from app.admin.recorded import RecordedView
from app.database import Base
from app.features.notes.admin import NoteView
from app.features.notes.models import Note
from app.mail.models import OutboxMail
from app.main import create_app
from app.settings import Settings
from tests.admin.driving import act, act_on_row, csrf_token, export, listed, save, words
from tests.admin.test_accounts import admin_role
from tests.admin.test_saving import add_note
from tests.support import add_user, in_database, log_in, with_token
from tests.web.browsing import open_browser

pytestmark = pytest.mark.any_database


def happened(client: TestClient, *names: str) -> list[AuthEvent]:
    """Return the events about rows, or with these names, oldest first."""
    query = select(AuthEvent).order_by(AuthEvent.id)
    query = query.where(AuthEvent.name.in_(names) if names else AuthEvent.target_type.is_not(None))
    return list(in_database(client, lambda session: session.scalars(query)))


def everything(client: TestClient) -> str:
    """Return all that is in the log, as text."""
    query = text("SELECT * FROM auth_events")

    async def read(session: AsyncSession) -> str:
        return str([tuple(row) for row in await session.execute(query)])

    return in_database(client, read)


def edit(browser: TestClient, note: Note, owner: User, **fields: str) -> Any:
    """Save the form of a note."""
    held = {"title": note.title, "body": note.body, "owner": str(owner.id)}
    return save(browser, f"/admin/note/edit?pk={note.id}", {**held, **fields})


def test_row_is_made_changed_and_deleted(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    save(browser, "/admin/note/create", title="Milk", body="Two", owner=str(ada.id))
    row = listed(browser, "note")[0]
    save(browser, f"/admin/note/edit?pk={row}", title="Bread", body="Two", owner=str(ada.id))
    act_on_row(browser, "note", "delete", row)

    events = happened(client)
    assert [(event.name, event.data) for event in events] == [
        ("data_created", {"name": "Milk"}),
        ("data_changed", {"name": "Bread", "changes": {"title": {"old": "Milk", "new": "Bread"}}}),
        ("data_deleted", {"name": "Bread"}),
    ]
    for event in events:
        assert (event.target_type, event.target_id, event.actor_id) == ("notes", row, admin.id)
        assert (event.ip, event.user_agent) == ("testclient", "testclient")
        assert event.request_id


def test_each_row_of_a_bulk_delete_is_an_event(client: TestClient, browser: TestClient, ada: User) -> None:
    rows = [str(add_note(client, ada, title).id) for title in ("a", "b")]

    act(browser, "note", "delete", *rows)

    assert sorted(event.target_id or "" for event in happened(client, "data_deleted")) == rows
    assert len(happened(client)) == 2


def test_reference_is_told_by_key_and_people_by_nothing_else(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    note = add_note(client, ada)

    edit(browser, note, bob)

    (event,) = happened(client)
    assert event.data["changes"] == {"owner": {"old": {"id": str(ada.id)}, "new": {"id": str(bob.id)}}}
    shown = words(browser.get(f"/admin/note/detail?pk={note.id}"))
    assert ada.email in shown
    assert ada.email in words(browser.get(f"/admin/event/detail?pk={event.id}"))
    assert ada.email not in everything(client)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": "x" * 201}, id="long"),
        pytest.param({"title": "Taken"}, id="taken"),
        pytest.param({"owner": "junk"}, id="no-owner"),
        pytest.param({"_version": "7"}, id="overtaken"),
    ],
)
def test_refused_form_leaves_no_event(
    client: TestClient, browser: TestClient, ada: User, change: dict[str, str]
) -> None:
    add_note(client, ada, "Taken")
    note = add_note(client, ada)
    valid = {"title": "Bread", "body": "", "owner": str(ada.id)}

    assert save(browser, f"/admin/note/edit?pk={note.id}", {**valid, **change}).status_code == 422

    assert happened(client) == []


def test_saving_without_a_change_is_no_event(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)

    edit(browser, note, ada)

    assert happened(client) == []


def test_refused_delete_leaves_no_event(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    assert act(browser, "user", "delete", ada.id, admin.id).status_code == 400
    assert act(browser, "role", "delete", listed(browser, "role")[0]).status_code == 400

    assert happened(client) == []


def test_export_is_an_event(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    add_note(client, ada)

    export(browser, "note", "csv")
    export(browser, "note", "nonsense")

    (event,) = happened(client)
    assert (event.name, event.target_type, event.target_id) == ("data_exported", "notes", None)
    assert (event.actor_id, event.data) == (admin.id, {"format": "csv", "rows": 1})


def test_action_that_says_more_itself_is_told_once(client: TestClient, browser: TestClient, ada: User) -> None:
    open_browser(client, ada)
    session = listed(browser, "session")[0]

    act_on_row(browser, "session", "end", session)
    act(browser, "user", "reset", ada.id)

    assert [(event.name, event.target_type, event.target_id) for event in happened(client)] == [
        ("session_ended", "auth_sessions", session),
        ("authn_password_reset_asked", "users", str(ada.id)),
    ]


def test_change_of_a_person_is_told_once(client: TestClient, browser: TestClient, ada: User) -> None:
    page = f"/admin/user/edit?pk={ada.id}"

    save(browser, page, display_name="", is_active="on", roles=admin_role(client))
    save(browser, page, display_name="Countess", roles=admin_role(client))
    act(browser, "user", "delete", ada.id)

    events = happened(client)
    assert [event.name for event in events] == ["privilege_permissions_changed", "data_changed", "user_deleted"]
    assert {(event.target_type, event.target_id) for event in events} == {("users", str(ada.id))}


def test_disabled_person_is_told_with_old_and_new(client: TestClient, browser: TestClient, ada: User) -> None:
    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="Countess")

    (event,) = happened(client)
    assert event.user_id == ada.id
    assert event.data == {
        "changes": {"display_name": {"old": "", "new": "Countess"}, "is_active": {"old": True, "new": False}}
    }


# What these notes have, the project's own may have tomorrow.


async def shout(self: NoteView, request: Any, selection: Any) -> None:  # noqa: ARG001
    """Change the chosen notes."""
    for row in await selection.rows():
        row.title = row.title.upper()


async def fail(self: NoteView, request: Any, pk: str) -> None:
    """Change a note, and then say no."""
    (await self.find_by_pk(request, pk)).title = "never"
    raise ActionFailed("No.")


class NoteInline(RecordedView, InlineModelView):
    """Notes in the form of their owner."""

    model = Note  # type: ignore[misc]  # of the class in one base, of the instance in the other
    fk_attr = "owner_id"
    fields: Sequence[Any] = ("title", "body")


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return an app whose notes can be edited in the list and with their owner, imported and shouted."""
    monkeypatch.setattr(UserView, "inlines", [NoteInline])
    monkeypatch.setattr(NoteView, "inline_editable_fields", ["title"])
    monkeypatch.setattr(NoteView, "importers", ("csv",))
    monkeypatch.setattr(NoteView, "shout_action", action("shout", "Shout")(shout), raising=False)
    monkeypatch.setattr(NoteView, "fail_row_action", row_action("fail", "Fail")(fail), raising=False)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


def test_cell_is_edited_in_the_list(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    note = add_note(shop, ada)
    cell = f"/admin/_api/note/inline-edit?pk={note.id}&field=title"
    token = {"X-CSRFToken": csrf_token(browser)}

    assert browser.post(cell, data={"title": "Bread"}, headers=token).status_code == 200
    assert browser.post(cell, data={"title": ""}, headers=token).status_code == 422

    (event,) = happened(shop)
    assert (event.name, event.target_id) == ("data_changed", str(note.id))
    assert event.data["changes"] == {"title": {"old": "Milk", "new": "Bread"}}


def test_rows_in_the_form_of_another_are_told_each(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    changed, gone = add_note(shop, ada, "Changed"), add_note(shop, ada, "Gone")
    page, person = f"/admin/user/edit?pk={ada.id}", {"display_name": "", "is_active": "on"}
    rows = {
        "inlines.note.0.pk": str(changed.id),
        "inlines.note.0.title": "Bread",
        "inlines.note.0.body": changed.body,
        "inlines.note.1.pk": str(gone.id),
        "inlines.note.1.DELETE": "on",
        "inlines.note.2.title": "New",
    }

    assert save(browser, page, person, **{**rows, "inlines.note.0.title": ""}).status_code == 422
    assert happened(shop) == []
    assert save(browser, page, person, **rows).status_code == 303

    changes = {"title": {"old": "Changed", "new": "Bread"}}
    assert [(event.name, event.data.get("changes")) for event in happened(shop)] == [
        ("data_changed", changes),
        ("data_deleted", None),
        ("data_created", None),
    ]


def test_actions_are_events_unless_they_fail(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    rows = [add_note(shop, ada, title).id for title in ("a", "b")]

    assert act(browser, "note", "shout", *rows).status_code == 200
    assert act_on_row(browser, "note", "fail", rows[0]).status_code == 400
    assert act(browser, "note", "unknown", *rows).status_code == 400

    events = happened(shop)
    assert [event.name for event in events] == ["admin_action"] * 2
    assert sorted(UUID(event.target_id or "") for event in events) == rows
    assert {event.data["action"] for event in events} == {"shout"}


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")  # the library leaves the upload open
def test_import_is_an_event_and_so_is_each_row(shop: TestClient) -> None:
    ada, browser = add_user(shop, "ada@example.com"), open_browser(shop, add_user(shop, "me@example.com", admin=True))
    file = {"file": ("notes.csv", f"title,body,owner\nMilk,Two,{ada.id}\n,None,{ada.id}\n", "text/csv")}
    token = {"X-CSRFToken": csrf_token(browser)}

    for preview in ("1", "0"):
        path = f"/admin/_api/note/import?preview={preview}"
        answer = browser.post(path, data={"format": "csv"}, files=file, headers=token)
        assert answer.status_code == 200, answer.text

    assert [(event.name, event.data) for event in happened(shop)] == [
        ("data_created", {"name": "Milk"}),
        ("data_imported", {"rows": 2, "refused": 1}),
    ]
    gc.collect()  # what it left open is closed while nobody minds


@pytest.mark.parametrize(
    ("model", "column", "old", "new"),
    [
        pytest.param(User, "password_hash", "$argon2id$1", "$argon2id$2", id="hash"),
        pytest.param(User, "email_key", "a@example.com", "b@example.com", id="key"),
        pytest.param(AuthSession, "former_token_hash", b"1", None, id="token"),
        pytest.param(OutboxMail, "payload", None, b"sealed", id="bytes"),
    ],
)
def test_secret_is_said_to_have_changed_and_no_more(model: type[Base], column: str, old: object, new: object) -> None:
    assert compare(model, {column: old}, {column: new}) == {column: {}}


def test_long_value_is_cut(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)

    edit(browser, note, ada, body="x" * 1000)

    (event,) = happened(client)
    assert event.data["changes"]["body"]["new"] == "x" * (LONGEST - 1) + "…"


def test_page_of_a_row_shows_its_history(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    note, other = add_note(client, ada), add_note(client, ada, "Other")
    edit(browser, other, ada, title="Not this")
    for title in ("<b>First</b>", "Second"):
        edit(browser, note, ada, title=title)

    page = browser.get(f"/admin/note/detail?pk={note.id}")

    history = words(page).partition("History")[2]
    assert history.index("Second") < history.index("Milk")
    assert admin.email in history
    assert "<b>First</b>" in history
    assert "<b>First" not in page.text
    assert "Not this" not in history
    assert "History" not in words(browser.get(f"/admin/user/detail?pk={ada.id}"))


def test_page_of_a_row_shows_fifty_events_and_the_way_to_all(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    note = add_note(client, ada)
    same: dict[str, Any] = {"name": "data_changed", "target_type": "notes", "target_id": str(note.id)}

    async def add(session: AsyncSession) -> None:
        session.add_all(AuthEvent(**same, data={"name": f"#{number}"}) for number in range(51))

    in_database(client, add)
    edit(browser, note, ada, title="Newest")

    page = browser.get(f"/admin/note/detail?pk={note.id}")

    assert page.text.count("list-group-item") == 50
    assert "Newest" in words(page)
    link = f"filter=target_type__eq%3Dnotes+AND+target_id__eq%3D{note.id}"
    assert link in page.text
    assert (
        len(listed(browser, "event", filter=f"target_type__eq=notes AND target_id__eq={note.id}", page_size=25)) == 25
    )
    assert "52" in words(browser.get(f"/admin/event/list?{link}"))


def test_log_is_searched_and_leads_to_the_row(client: TestClient, browser: TestClient, admin: User, ada: User) -> None:
    note = add_note(client, ada)
    edit(browser, note, ada, title="Bread")
    log_in(client, ada.email)
    (event,) = happened(client)

    for term in (str(note.id), "notes", "data_changed", admin.email):
        assert listed(browser, "event", q=term) == [str(event.id)]
    assert listed(browser, "event", filter="name__eq=data_changed") == [str(event.id)]
    assert listed(browser, "event", filter="at__between=2020-01-01T00:00..2020-01-02T00:00") == []

    page = browser.get(f"/admin/event/detail?pk={event.id}")
    assert f"/admin/note/detail?pk={note.id}" in page.text
    assert "Milk" in words(page)
    assert "Milk" in words(browser.get("/admin/event/list"))


def test_history_outlives_its_row(client: TestClient, browser: TestClient, ada: User) -> None:
    note = add_note(client, ada)
    edit(browser, note, ada, title="Bread")
    act(browser, "note", "delete", note.id)

    assert len(listed(browser, "event", q=str(note.id))) == 2
    assert browser.get(f"/admin/note/detail?pk={note.id}").status_code == 404


def test_deleted_person_takes_along_what_their_rows_held(
    client: TestClient, browser: TestClient, ada: User, bob: User
) -> None:
    save(browser, f"/admin/user/edit?pk={ada.id}", display_name="Countess", is_active="on")
    note = add_note(client, ada, "Diary")
    edit(browser, note, ada, title="Confessions")
    given = add_note(client, bob, "Recipe")
    edit(browser, given, ada, title="Recipe")
    edit(browser, given, bob, title="Recipe")
    act(browser, "note", "delete", note.id)

    act(browser, "user", "delete", ada.id)

    log = everything(client)
    for told in (ada.email, "Countess", "Diary", "Confessions"):
        assert told not in log
    assert len(happened(client)) == 6
    browser.get("/admin/")  # shows whom it deleted, once
    assert "ada" not in words(browser.get(f"/admin/note/detail?pk={given.id}"))


def test_admin_who_leaves_cannot_take_along_what_they_did(client: TestClient, browser: TestClient, ada: User) -> None:
    second = add_user(client, "second@example.com", admin=True)
    edit(open_browser(client, second), add_note(client, ada), ada, title="Bread")

    act(browser, "user", "delete", second.id)

    event = happened(client, "data_changed")[0]
    assert (event.actor_id, event.ip, event.user_agent) == (None, "", "")
    assert event.data["changes"]["title"] == {"old": "Milk", "new": "Bread"}
    assert second.email not in everything(client)


def test_owner_does_not_read_what_admins_do_to_rows(client: TestClient, browser: TestClient, ada: User) -> None:
    """A row may have columns that only admins see."""
    edit(browser, add_note(client, ada), ada, title="Bread")
    as_ada = with_token(client, log_in(client, ada.email)["access_token"])

    answers = [as_ada.get("/api/v1/auth/events"), as_ada.get("/api/v1/users/me/export")]
    answers.append(open_browser(client, ada).get("/account/activity"))

    for answer in answers:
        assert answer.status_code == 200
        assert "data_changed" not in answer.text
        assert "Data changed" not in answer.text
