"""Attacks on impersonation: no additional permissions, and no access after it ended."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, Role, User, UserRole
from app.accounts.permissions import Permission
from app.database.base import utc_now
from tests.admin.audit_log import recorded_events
from tests.admin.impersonation import (
    END,
    cookie_of,
    csrf_of,
    impersonate,
    is_signed_in,
    stop_impersonating,
    update_database,
    with_cookie,
)
from tests.admin.staff import give_role
from tests.support import PASSWORD, add_user, in_database, problem_of
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database


def test_admins_cannot_be_impersonated(client: TestClient, browser: TestClient, admin: User, helper: User) -> None:
    second = add_user(client, "second@example.com", admin=True)
    helpers = open_browser(client, helper)

    for visitor, user in ((browser, second), (browser, admin), (helpers, admin)):
        assert visitor.get(f"/admin/impersonate?pk={user.id}").status_code == 403
        token = csrf_of(visitor)
        assert visitor.post(f"/admin/impersonate?pk={user.id}", data=token).status_code == 403
    assert recorded_events(client, "impersonation_started") == []


def test_impersonation_cannot_add_permissions(
    client: TestClient, browser: TestClient, ada: User, bob: User, helper: User
) -> None:
    give_role(client, ada, "editor", Permission.USERS_READ)
    helpers = open_browser(client, helper)

    assert helpers.get(f"/admin/impersonate?pk={ada.id}").status_code == 403
    assert impersonate(helpers, bob).status_code == 303
    assert impersonate(browser, ada).status_code == 303


def test_impersonation_requires_permission(client: TestClient, ada: User, bob: User) -> None:
    give_role(client, bob, "clerk", Permission.ADMIN_ACCESS)
    bobs = open_browser(client, bob)

    assert bobs.get(f"/admin/impersonate?pk={ada.id}").status_code == 403
    assert bobs.post(f"/admin/impersonate?pk={ada.id}", data=csrf_of(bobs)).status_code == 403
    assert "/admin/impersonate" not in bobs.get("/admin/user/list").text


def test_impersonation_is_offered_for_eligible_users_only(
    client: TestClient, browser: TestClient, admin: User, ada: User
) -> None:
    gone = add_user(client, "gone@example.com")
    update_database(client, update(User).where(User.id == gone.id).values(is_active=False))

    page = browser.get("/admin/user/list").text

    assert f"/admin/impersonate?pk={ada.id}" in page
    assert f"pk={gone.id}" not in page.replace(f"/detail?pk={gone.id}", "").replace(f"/edit?pk={gone.id}", "")
    assert f"/admin/impersonate?pk={admin.id}" not in page
    assert browser.get(f"/admin/impersonate?pk={gone.id}").status_code == 403


def test_impersonating_unknown_user_is_not_found(browser: TestClient) -> None:
    for pk in (str(uuid4()), "nonsense", ""):
        assert browser.get(f"/admin/impersonate?pk={pk}").status_code == 404
        assert browser.post(f"/admin/impersonate?pk={pk}", data=csrf_of(browser)).status_code == 404


def test_impersonation_cannot_be_nested(client: TestClient, browser: TestClient, helper: User, ada: User) -> None:
    impersonate(browser, helper)
    token = read_page(browser.get("/account")).forms[END]["csrf_token"]

    shown = browser.get(f"/admin/impersonate?pk={ada.id}")
    sent = browser.post(f"/admin/impersonate?pk={ada.id}", data={"csrftoken": token})

    assert (shown.status_code, sent.status_code) == (403, 403)
    assert len(recorded_events(client, "impersonation_started")) == 1


def test_impersonation_requires_recent_sign_in(client: TestClient, browser: TestClient, ada: User) -> None:
    page, token = f"/admin/impersonate?pk={ada.id}", csrf_of(browser)
    update_database(client, update(AuthSession).values(authenticated_at=utc_now() - timedelta(hours=1)))

    response, sent = browser.get(page), browser.post(page, data=token)

    assert response.headers["Location"] == f"/reauth?next=%2Fadmin%2Fimpersonate%3Fpk%3D{ada.id}"
    assert (sent.status_code, recorded_events(client, "impersonation_started")) == (303, [])
    again = submit(browser, response.headers["Location"], action="/reauth", password=PASSWORD)
    assert again.headers["Location"] == page
    assert impersonate(browser, ada).headers["Location"] == "/account"


ADMINS = select(User.id).where(User.email == "admin@example.com").scalar_subquery()
ADAS = select(User.id).where(User.email == "ada@example.com").scalar_subquery()
ADMIN_ROLES = select(Role.id).where(Role.name == "admin").scalar_subquery()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            update(AuthSession).where(AuthSession.user_id == ADMINS).values(revoked_at=utc_now()), id="signed-out"
        ),
        pytest.param(
            update(AuthSession).where(AuthSession.user_id == ADMINS).values(expires_at=utc_now()), id="expired"
        ),
        pytest.param(update(User).where(User.id == ADMINS).values(is_active=False), id="disabled"),
        pytest.param(delete(UserRole).where(UserRole.user_id == ADMINS), id="demoted"),
        pytest.param(delete(User).where(User.id == ADMINS), id="deleted"),
        pytest.param(update(User).where(User.id == ADAS).values(is_active=False), id="user-disabled"),
        pytest.param(update(UserRole).where(UserRole.user_id == ADMINS).values(user_id=ADAS), id="role-moved-to-user"),
        pytest.param(
            update(AuthSession).where(AuthSession.user_id == ADAS).values(expires_at=utc_now()),
            id="user-session-expired",
        ),
    ],
)
def test_impersonation_ends_when_its_precondition_is_lost(
    client: TestClient, browser: TestClient, ada: User, statement: Any
) -> None:
    impersonate(browser, ada)
    token = read_page(browser.get("/account")).forms[END]["csrf_token"]
    update_database(client, statement)

    back = browser.post(END, data={"csrf_token": token})

    assert not is_signed_in(browser)
    assert (back.status_code, "Set-Cookie" in back.headers) == (401, False)
    assert recorded_events(client, "impersonation_ended") == []


def test_impersonation_ends_when_the_user_becomes_an_admin(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)

    async def promote(session: AsyncSession) -> None:
        role = await session.scalar(select(Role.id).where(Role.name == "admin"))
        session.add(UserRole(user_id=ada.id, role_id=role))

    in_database(client, promote)

    assert not is_signed_in(browser)


def test_impersonation_ends_when_the_user_gains_permissions(client: TestClient, helper: User, ada: User) -> None:
    helpers = open_browser(client, helper)
    impersonate(helpers, ada)
    assert is_signed_in(helpers)

    give_role(client, ada, "editor", Permission.USERS_READ)

    assert not is_signed_in(helpers)


def test_impersonation_has_the_permissions_of_the_user(client: TestClient, browser: TestClient, ada: User) -> None:
    """The roles of both users are loaded in one query, and must not be mixed up."""
    give_role(client, ada, "editor", Permission.USERS_READ)
    impersonate(browser, ada)

    shown = browser.get("/account")

    assert 'href="/admin/"' not in shown.text
    assert shown.status_code == 200


def test_refusals_say_how_to_switch_back(browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)

    opened = browser.get("/admin/")
    form = read_page(browser.get("/account/password")).forms["/account/password"]
    changed = browser.post("/account/password", data=form)

    assert (opened.status_code, changed.status_code) == (403, 403)
    for response in (opened, changed):
        text = read_page(response).text
        assert "Not available while you're signed in as another user" in text
        assert "To use your own account, switch back at the top of the page." in text
        assert "reload" not in text


def test_impersonation_forms_require_csrf_token(client: TestClient, browser: TestClient, ada: User) -> None:
    admins_token = csrf_of(browser)["csrftoken"]

    assert browser.post(f"/admin/impersonate?pk={ada.id}").status_code == 403
    assert browser.get(f"/admin/impersonate?pk={ada.id}").status_code == 200
    assert recorded_events(client, "impersonation_started") == []
    impersonate(browser, ada)
    for forged in ({}, {"csrf_token": admins_token}):
        assert browser.post(END, data=forged).status_code == 403
    assert browser.get(END).status_code == 405
    assert END in browser.get("/account").text


def test_new_sign_in_ends_impersonation(client: TestClient, browser: TestClient, ada: User, bob: User) -> None:
    own = cookie_of(browser)
    impersonate(browser, ada)
    borrowed, token = cookie_of(browser), read_page(browser.get("/account")).forms[END]["csrf_token"]

    response = browser.post("/login", data={"email": bob.email, "password": PASSWORD, "csrf_token": token})

    assert response.status_code == 303
    assert END not in browser.get("/account").text
    assert not is_signed_in(with_cookie(client, own))
    assert not is_signed_in(with_cookie(client, borrowed))


def test_copied_cookie_is_invalid_after_impersonation(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    attacker = with_cookie(client, cookie_of(browser))
    token = read_page(attacker.get("/account")).forms[END]["csrf_token"]
    stop_impersonating(browser)

    response = attacker.post(END, data={"csrf_token": token})

    assert (response.status_code, "Set-Cookie" in response.headers) == (401, False)
    assert browser.get("/admin/").status_code == 200


def test_ending_impersonation_without_one_changes_nothing(client: TestClient, ada: User) -> None:
    adas = open_browser(client, ada)
    before = cookie_of(adas)
    token = read_page(adas.get("/account")).forms["/logout"]["csrf_token"]

    response = adas.post(END, data={"csrf_token": token})

    assert (response.status_code, response.headers["Location"]) == (303, "/account")
    assert cookie_of(adas) == before
    assert is_signed_in(adas)


def test_impersonation_issues_no_access_token(browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    shown = read_page(browser.get("/docs"))

    assert "/docs/token" not in shown.forms
    refused = browser.post("/docs/token", data=shown.forms[END], headers={"Accept": "application/json"})
    assert problem_of(refused)["type"] == "urn:problem:ForbiddenWhileImpersonating"
