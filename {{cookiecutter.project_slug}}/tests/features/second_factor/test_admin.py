"""Two-factor authentication in the admin: status and turning it off."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from tests.admin.browser import page_text, run_row_action
from tests.features.second_factor.helpers import current_code, enable, get_challenge
from tests.support import emails_to, in_database, log_in
from tests.web.browser import open_browser

pytestmark = pytest.mark.any_database

OFFER = "Turn off two-factor authentication"


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    """Return a browser with the admin signed in."""
    return open_browser(client, admin)


def newest_event(client: TestClient) -> AuthEvent:
    """Return the latest event."""
    query = AuthEvent.__table__.select().order_by(AuthEvent.id.desc()).limit(1)
    return in_database(client, lambda session: session.execute(query)).one()  # type: ignore[return-value]


def is_shown_as_on(browser: TestClient, user: User) -> bool:
    """Return whether the admin shows it as enabled."""
    page = browser.get(f"/admin/user/detail?pk={user.id}").text
    return "text-success" in page.partition("<dt>Two-factor authentication</dt>")[2].partition("</dd>")[0]


def test_status_is_shown_and_the_action_offered_only_when_enabled(
    browser: TestClient, as_ada: TestClient, ada: User, bob: User
) -> None:
    secret, codes = enable(as_ada)

    assert [is_shown_as_on(browser, user) for user in (ada, bob)] == [True, False]
    page = browser.get(f"/admin/user/detail?pk={ada.id}")
    assert OFFER in page_text(page)
    assert OFFER not in page_text(browser.get(f"/admin/user/detail?pk={bob.id}"))
    assert secret not in page.text
    assert not any(code in page.text for code in codes)
    assert run_row_action(browser, "user", "second-factor", bob.id).status_code == 400


def test_admin_disables_it_for_a_user(
    client: TestClient, browser: TestClient, as_ada: TestClient, admin: User, ada: User
) -> None:
    secret, _ = enable(as_ada)
    adas, waiting, sent = open_browser(client, ada), get_challenge(client, ada), len(emails_to(client, ada.email))

    response = run_row_action(browser, "user", "second-factor", ada.id)

    assert response.status_code == 200
    event = newest_event(client)
    assert (event.name, event.user_id, event.actor_id) == ("authn_second_factor_removed", ada.id, admin.id)
    assert event.data == {"what": "second_factor_removed"}
    (email,) = emails_to(client, ada.email)[sent:]
    assert "no longer requires a code" in email
    assert adas.get("/account").status_code == 303
    assert as_ada.get("/api/v1/users/me").status_code == 401
    code = {"challenge": waiting, "code": current_code(secret)}
    assert client.post("/api/v1/auth/second-factor", json=code).status_code >= 400
    assert "access_token" in log_in(client, ada.email)
    assert run_row_action(browser, "user", "second-factor", ada.id).status_code == 400
