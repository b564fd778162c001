"""Password change: requires the current password and ends all other sessions."""

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from tests.accounts.email_links import NEW, request_reset, reset, subjects, try_login
from tests.support import PASSWORD, emails_to, in_database, log_in, problem_of, with_token

pytestmark = pytest.mark.any_database

CHANGE = "/api/v1/auth/password/change"
ME = "/api/v1/users/me"


def change(caller: TestClient, current: str = PASSWORD, new: str = NEW) -> Any:
    return caller.post(CHANGE, json={"current_password": current, "new_password": new})


def test_other_sessions_end_and_the_current_one_stays_active(client: TestClient, ada: User) -> None:
    """Behaviours 65, 85."""
    this, other = log_in(client, ada.email), log_in(client, ada.email)

    response = change(with_token(client, this["access_token"]))

    assert response.status_code == 204
    assert with_token(client, this["access_token"]).get(ME).status_code == 200
    assert with_token(client, other["access_token"]).get(ME).status_code == 401
    for pair, status in ((this, 200), (other, 401)):
        refreshed = client.post("/api/v1/auth/token/refresh", json={"refresh_token": pair["refresh_token"]})
        assert refreshed.status_code == status
    assert (try_login(client, ada.email), try_login(client, ada.email, NEW)) == (401, 200)


def test_wrong_current_password_counts_as_a_failed_sign_in(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviour 84."""
    response = change(as_ada, current="not the password")

    assert (response.status_code, problem_of(response)["type"]) == (401, "urn:problem:InvalidCredentials")
    query = select(AuthEvent.name).where(AuthEvent.user_id == ada.id).order_by(AuthEvent.id.desc())
    assert in_database(client, lambda session: session.scalar(query)) == "authn_login_fail"
    responses = [change(as_ada, current="not the password").status_code for _ in range(5)]
    assert responses[-1] == 429
    assert try_login(client, ada.email) == 429
    assert emails_to(client, ada.email) == []


def test_anonymous_caller_cannot_change_a_password(client: TestClient) -> None:
    assert change(client).status_code == 401


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("elevenchars", "PasswordTooShort"),
        ("password1234567", "PasswordTooCommon"),
        ("ada@example.com1", "PasswordTooCommon"),
        ("x" * 1025, "PasswordTooLong"),
    ],
)
def test_bad_password_is_rejected(as_ada: TestClient, client: TestClient, ada: User, new: str, problem: str) -> None:
    """Behaviours 15, 21, 22, 24."""
    response = change(as_ada, new=new)

    assert (response.status_code, problem_of(response)["type"]) == (422, f"urn:problem:{problem}")
    assert new not in response.text
    assert try_login(client, ada.email) == 200


def test_owner_is_notified_and_event_recorded(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviours 86, 150."""
    change(as_ada)

    assert subjects(client, ada.email)[-1].endswith("was changed")
    mail = emails_to(client, ada.email)[-1]
    assert PASSWORD not in mail
    assert NEW not in mail
    events = list(in_database(client, lambda session: session.scalars(select(AuthEvent.name))))
    assert "authn_password_change" in events


def test_emailed_links_are_revoked(as_ada: TestClient, client: TestClient, ada: User) -> None:
    token = request_reset(client, ada.email)

    change(as_ada)

    assert reset(client, token, "a third good passphrase").status_code == 422


def test_unknown_field_is_rejected(as_ada: TestClient) -> None:
    """Behaviour 11."""
    body = {"current_password": PASSWORD, "new_password": NEW, "user_id": "1"}

    assert as_ada.post(CHANGE, json=body).status_code == 422
