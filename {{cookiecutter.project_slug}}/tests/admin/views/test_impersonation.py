"""Impersonation: it is visible, recorded, can be ended, and owner-only actions are forbidden."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.api.dependencies import get_client
from app.accounts.browser.web_session import get_page_client, require_recent_visitor
from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from tests.admin.audit_log import recorded_events
from tests.admin.browser import listed_ids, page_text, run_row_action
from tests.admin.impersonation import (
    END,
    cookie_of,
    impersonate,
    is_signed_in,
    newest_session,
    stop_impersonating,
    with_cookie,
)
from tests.query_counts import capture_queries, count_queries
from tests.support import PASSWORD, add_user, emails_to, in_database, log_in, sign_in, with_token
from tests.web.browser import open_browser, read_page, submit

pytestmark = pytest.mark.any_database

FORBIDDEN = "Not available while you're signed in as another user"


def test_impersonation_opens_a_session_of_the_user(client: TestClient, browser: TestClient, ada: User) -> None:
    before = cookie_of(browser)

    response = impersonate(browser, ada)

    assert (response.status_code, response.headers["Location"]) == (303, "/account")
    assert "Max-Age" not in response.headers["Set-Cookie"]
    page = read_page(browser.get("/account"))
    assert f"You are signed in as {ada.email}." in " ".join(page.text.split())
    assert END in page.forms
    assert cookie_of(browser).split(".")[0] != before.split(".")[0]
    opened = newest_session(client)
    assert (opened.user_id, opened.kind, opened.remember) == (ada.id, "web", False)
    assert opened.expires_at <= utc_now() + timedelta(hours=1)


def test_impersonation_bar_is_on_every_page(browser: TestClient, ada: User) -> None:
    assert END not in browser.get("/account").text
    impersonate(browser, ada)

    for path in ("/account", "/account/sessions", "/nothing-is-here"):
        assert END in browser.get(path).text


@pytest.mark.any_database
def test_pages_that_are_refused_are_not_offered(browser: TestClient, ada: User) -> None:
    owner_only = {"Password", "Email", "API keys", "Two-factor authentication", "Your data"}

    own, own_forms = _account_pages(browser)
    impersonate(browser, ada)
    shown, forms = _account_pages(browser)

    assert {"Password", "Email", "Your data"} <= own - shown <= owner_only
    assert shown - {"Picture"} == {"Profile", "Sessions", "Activity"}  # pictures can be removed
    assert own_forms - forms == {"/account/sessions/end-all"}


def _account_pages(browser: TestClient) -> tuple[set[str], set[str]]:
    """Return the entries of the account navigation, and the forms of the page of sessions."""
    page = browser.get("/account/sessions")
    _, _, nav = page.text.partition('aria-label="Account"')
    return {*re.findall(r"<a [^>]+>([^<]+)</a>", nav.partition("</nav>")[0])}, {*read_page(page).forms}


def test_ending_impersonation_restores_the_session_with_a_new_cookie(
    client: TestClient, browser: TestClient, ada: User
) -> None:
    own, own_cookie = newest_session(client).id, cookie_of(browser)
    impersonate(browser, ada)
    borrowed = cookie_of(browser)

    response = stop_impersonating(browser)

    assert (response.status_code, response.headers["Location"]) == (303, f"/admin/user/detail?pk={ada.id}")
    assert browser.get(response.headers["Location"]).status_code == 200
    assert END not in browser.get("/account").text
    assert len({own_cookie, borrowed, cookie_of(browser)}) == 3
    assert not is_signed_in(with_cookie(client, borrowed))
    assert not is_signed_in(with_cookie(client, own_cookie))
    live = select(AuthSession.id).where(AuthSession.revoked_at.is_(None))
    assert list(in_database(client, lambda session: session.scalars(live))) == [own]


def test_impersonation_is_recorded_without_email(
    client: TestClient, browser: TestClient, admin: User, ada: User
) -> None:
    impersonate(browser, ada)
    borrowed = newest_session(client).id
    stop_impersonating(browser)

    (started,), (ended,) = (
        recorded_events(client, "impersonation_started"),
        recorded_events(client, "impersonation_ended"),
    )
    for event in (started, ended):
        assert (event.user_id, event.actor_id, event.session_id, event.data) == (ada.id, admin.id, borrowed, {})
    assert emails_to(client, ada.email) == []
    last_login = select(User.last_login_at).where(User.id == ada.id)
    assert in_database(client, lambda session: session.scalar(last_login)) is None


def test_actions_while_impersonating_name_the_admin(
    client: TestClient, browser: TestClient, admin: User, ada: User
) -> None:
    adas = open_browser(client, ada)
    other = newest_session(client).id
    impersonate(browser, ada)

    submit(browser, "/account/sessions", action=f"/account/sessions/{other}/end")
    submit(browser, "/account", action="/logout")

    (ended,), (out,) = recorded_events(client, "session_ended"), recorded_events(client, "authn_logout")
    assert {(event.user_id, event.actor_id) for event in (ended, out)} == {(ada.id, admin.id)}
    assert not is_signed_in(adas)


def test_user_sees_impersonation_and_can_end_it(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    borrowed = newest_session(client).id
    adas = open_browser(client, ada)

    assert "Administrator signed in as you" in adas.get("/account/sessions").text
    assert "An administrator signed in as you" in adas.get("/account/activity").text
    listed_sessions = sign_in(client, ada).get("/api/v1/auth/sessions").json()
    assert [row["id"] for row in listed_sessions if row["impersonated"]] == [str(borrowed)]
    submit(adas, "/account/sessions", action=f"/account/sessions/{borrowed}/end")

    assert not is_signed_in(browser)


def test_sign_out_also_ends_the_session_of_the_admin(client: TestClient, browser: TestClient, ada: User) -> None:
    own = cookie_of(browser)
    impersonate(browser, ada)

    submit(browser, "/account", action="/logout")

    assert not is_signed_in(browser)
    assert not is_signed_in(with_cookie(client, own))


def test_device_of_the_admin_does_not_become_a_known_device(client: TestClient, browser: TestClient, ada: User) -> None:
    log_in(client, ada.email)
    browser.headers["User-Agent"] = "the admin's browser"
    impersonate(browser, ada)
    stop_impersonating(browser)

    client.post(
        "/api/v1/auth/login",
        json={"email": ada.email, "password": PASSWORD},
        headers={"User-Agent": "the admin's browser"},
    )

    assert len(emails_to(client, ada.email)) == 1


def test_impersonation_does_not_count_toward_the_session_limit(start_app: Any) -> None:
    client = start_app(auth={"max_sessions": 1})
    ada = add_user(client, "ada@example.com")
    browser, adas = open_browser(client, add_user(client, "admin@example.com", admin=True)), open_browser(client, ada)

    impersonate(browser, ada)

    assert is_signed_in(adas)
    open_browser(client, ada)
    assert not is_signed_in(adas)
    assert is_signed_in(browser)


def test_admin_can_end_impersonation_in_the_session_list(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    second = open_browser(client, add_user(client, "second@example.com", admin=True))
    borrowed = listed_ids(second, "session", q=ada.email)

    assert second.get("/admin/session/list").text.count("text-success") == 1
    for part in ("filter=impersonated__is_true", "sort=impersonated"):
        assert second.get(f"/admin/session/list?{part}").status_code in {200, 400}
    assert run_row_action(second, "session", "end", *borrowed).status_code == 200

    assert not is_signed_in(browser)


# Actions that only the owner can do


def routes_with(client: TestClient, dependency: object) -> Iterator[str]:
    """Yield the web routes that depend on this function, directly or not, as `METHOD /path`."""
    for context in iter_route_contexts(client.app.routes):  # type: ignore[attr-defined]
        route = context.original_route
        if not isinstance(route, APIRoute) or str(context.path).startswith("/api/"):
            continue
        if dependency in calls_of(route.dependant):
            yield f"{min(context.methods or ())} {context.path}"


def calls_of(dependant: Dependant) -> Iterator[object]:
    """Yield the functions that a route depends on, except those below `get_page_client`."""
    for inner in dependant.dependencies:
        yield inner.call
        if inner.call is not get_page_client:
            yield from calls_of(inner)


def test_pages_record_the_impersonating_admin(client: TestClient) -> None:
    """Pages that record the client use `PageClient`, which includes the impersonating admin."""
    assert list(routes_with(client, get_page_client))
    assert list(routes_with(client, get_client)) == []


def test_pages_that_require_recent_sign_in_are_forbidden(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    token = read_page(browser.get("/account")).forms[END]["csrf_token"]
    routes = [route.replace("{key_id}", str(uuid4())).split() for route in routes_with(client, require_recent_visitor)]

    responses = [browser.request(method, path, headers={"X-CSRF-Token": token}) for method, path in routes]

    assert {"/account/email", "/account/delete"} <= {path for _, path in routes}
    assert {response.status_code for response in responses} == {403}
    assert all(FORBIDDEN in page_text(response) for response in responses)
    assert all(END in response.text for response in responses)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        pytest.param(
            "/account/password", {"current_password": "x" * 12, "new_password": "another long one"}, id="password"
        ),
        pytest.param("/reauth", {"password": PASSWORD}, id="reauthentication"),
        pytest.param("/account/sessions/end-all", {}, id="sign-out-everywhere"),
    ],
)
def test_owner_only_forms_are_forbidden(
    client: TestClient, browser: TestClient, ada: User, path: str, data: dict[str, str]
) -> None:
    impersonate(browser, ada)
    token = read_page(browser.get("/account")).forms[END]["csrf_token"]

    response = browser.post(path, data={**data, "csrf_token": token})

    assert response.status_code == 403
    assert FORBIDDEN in page_text(response)
    assert is_signed_in(browser)
    log_in(client, ada.email)


def test_data_export_and_admin_are_forbidden(client: TestClient, browser: TestClient, helper: User) -> None:
    impersonate(browser, helper)

    assert browser.get("/account/data/export").status_code == 403
    assert recorded_events(client, "user_data_exported") == []
    assert browser.get("/admin/").status_code == 403
    assert browser.get("/admin/sample-note/list").status_code == 403


def test_impersonation_does_not_authenticate_the_api(client: TestClient, browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)

    assert browser.get("/api/v1/users/me").status_code == 401
    assert with_token(client, cookie_of(browser)).get("/api/v1/users/me").status_code == 401


def test_ending_impersonation_has_constant_query_count(browser: TestClient, ada: User) -> None:
    impersonate(browser, ada)
    with capture_queries(browser) as requests:
        assert stop_impersonating(browser).status_code == 303

    assert count_queries(requests) == {
        "GET /account": 2,
        "POST /impersonation/end": 5,
    }
