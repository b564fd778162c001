"""Email change: confirmed at the new address, canceled or reverted at the old one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, AuthSession, OneTimeToken, User
from app.accounts.scope import Scope
from app.accounts.sessions import login, revocation
from app.accounts.sessions.login_tracking import CredentialsChanged
from app.accounts.sessions.revocation import SessionEnded
from app.database.base import utc_now
from tests.accounts.email_links import (
    NEW,
    latest_token,
    request_reset,
    reset,
    reset_rate_limits,
    subjects,
    token_of,
    try_login,
)
from tests.support import PASSWORD, TEST_CLIENT, emails_to, in_database, latest_link, link_in, log_in, problem_of

CHANGE = "/api/v1/auth/email/change"
ME = "/api/v1/users/me"
OLD, ELSEWHERE = "ada@example.com", "ada@elsewhere.example"


def request_change(caller: TestClient, email: Any = ELSEWHERE) -> Any:
    return caller.post(CHANGE, json={"email": email}, headers={"X-Request-ID": "the-same-id"})


def use(client: TestClient, what: str, token: str) -> Any:
    """Use an emailed token: to `confirm`, `cancel` or `revert`."""
    return client.post(f"{CHANGE}/{what}", json={"token": token})


def change_email(client: TestClient, caller: TestClient, email: str = ELSEWHERE) -> None:
    """Change the caller's address and confirm it."""
    reset_rate_limits(client)
    assert request_change(caller, email).status_code == 202
    assert use(client, "confirm", latest_token(client, email)).status_code == 204


def revert_token_of(client: TestClient, address: str = OLD) -> str:
    """Return the token with which an address can revert the change."""
    (mail,) = [mail for mail in emails_to(client, address) if "/email/revert/" in mail]
    return token_of(mail)


def address_of(client: TestClient, user: User) -> str:
    return in_database(client, lambda session: session.get_one(User, user.id)).email


def test_change_takes_effect_when_the_new_address_is_confirmed(as_ada: TestClient, client: TestClient) -> None:
    """Behaviour 101."""
    response = request_change(as_ada)

    assert (response.status_code, response.json()) == (202, {"detail": "Check your email."})
    assert (try_login(client, OLD), try_login(client, ELSEWHERE)) == (200, 401)
    assert latest_link(client, ELSEWHERE).startswith("/email/confirm/")
    assert use(client, "confirm", latest_token(client, ELSEWHERE)).status_code == 204
    assert (try_login(client, OLD), try_login(client, ELSEWHERE)) == (401, 200)
    assert as_ada.get(ME).json()["email"] == ELSEWHERE, "the session stays active"
    assert ELSEWHERE in emails_to(client, OLD)[-1]


@pytest.mark.any_database
def test_recent_authentication_is_required(as_ada: TestClient, client: TestClient) -> None:
    """Behaviours 100, 124."""
    hour_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=hour_ago)))

    response = request_change(as_ada)

    assert response.status_code == 401
    assert 'error="insufficient_user_authentication", max_age="900"' in response.headers["WWW-Authenticate"]
    assert emails_to(client, OLD) == emails_to(client, ELSEWHERE) == []


@pytest.mark.any_database
def test_old_address_can_cancel_the_change(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviour 103."""
    request_change(as_ada)
    notice = emails_to(client, OLD)[-1]
    assert ELSEWHERE in notice
    assert link_in(notice).startswith("/email/cancel/")

    assert use(client, "cancel", latest_token(client, OLD)).status_code == 204

    assert use(client, "confirm", latest_token(client, ELSEWHERE)).status_code == 422
    assert use(client, "cancel", latest_token(client, OLD)).status_code == 422
    assert address_of(client, ada) == OLD


@pytest.mark.any_database
def test_response_does_not_reveal_a_registered_address(
    as_ada: TestClient, client: TestClient, ada: User, bob: User
) -> None:
    """Behaviour 104."""
    free = request_change(as_ada)

    taken = request_change(as_ada, "BOB@example.com")

    assert (taken.status_code, taken.content) == (free.status_code, free.content)
    assert sorted(taken.headers.items()) == sorted(free.headers.items())
    assert subjects(client, bob.email) == [
        f"Your email address is already in use at {client.app_state['authenticator'].project_name}"
    ]
    assert len(emails_to(client, OLD)) == 2, "the old address is notified of both"
    assert (address_of(client, ada), address_of(client, bob)) == (OLD, "bob@example.com")


def test_concurrent_email_changes_have_one_winner(
    as_ada: TestClient, as_bob: TestClient, client: TestClient, ada: User, bob: User
) -> None:
    """Behaviour 105."""
    tokens = []
    for caller in (as_ada, as_bob):
        request_change(caller, "free@example.com")
        tokens.append(latest_token(client, "free@example.com"))

    with ThreadPoolExecutor(2) as threads:
        responses = list(threads.map(lambda token: use(client, "confirm", token), tokens))

    assert sorted(response.status_code for response in responses) == [204, 409]
    (lost,) = [response for response in responses if response.status_code == 409]
    assert problem_of(lost)["type"] == "urn:problem:EmailTaken"
    assert sorted([address_of(client, ada), address_of(client, bob)]).count("free@example.com") == 1


def test_change_can_be_reverted(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviour 106."""
    change_email(client, as_ada)
    pair = log_in(client, ELSEWHERE)
    revert_token = revert_token_of(client)

    assert use(client, "revert", revert_token).status_code == 204

    assert address_of(client, ada) == OLD
    assert as_ada.get(ME).status_code == 401
    refresh = {"refresh_token": pair["refresh_token"]}
    assert client.post("/api/v1/auth/token/refresh", json=refresh).status_code == 401
    assert try_login(client, OLD) == 401, "the attacker who changed the address knew the password"
    assert reset(client, latest_token(client, OLD)).status_code == 204
    assert try_login(client, OLD, NEW) == 200


@pytest.mark.any_database
def test_change_can_be_reverted_for_a_week(as_ada: TestClient, client: TestClient) -> None:
    """Behaviour 106."""
    change_email(client, as_ada)
    purpose = OneTimeToken.purpose == "revert_email"
    token = in_database(client, lambda session: session.scalar(select(OneTimeToken).where(purpose)))
    assert token is not None
    assert token.expires_at - token.created_at == timedelta(days=7)
    over = {"expires_at": utc_now() - timedelta(seconds=1)}
    in_database(client, lambda session: session.execute(update(OneTimeToken).where(purpose).values(**over)))

    assert use(client, "revert", latest_token(client, OLD)).status_code == 422


@pytest.mark.any_database
def test_attacker_cannot_use_up_the_revert_link(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """They change the address repeatedly, reset the password, and sign up with the old address."""
    change_email(client, as_ada, "eve0@example.com")
    revert_token = latest_token(client, OLD)
    for number in range(1, 5):
        change_email(client, as_ada, f"eve{number}@example.com")
    reset(client, request_reset(client, "eve4@example.com"), "the attacker's own passphrase")
    client.post("/api/v1/auth/register", json={"email": OLD, "password": "the attacker's own passphrase"})
    assert use(client, "revert", revert_token_of(client, "eve2@example.com")).status_code == 204

    assert use(client, "revert", revert_token).status_code == 204

    assert address_of(client, ada) == OLD
    for number in range(4):
        mails = emails_to(client, f"eve{number}@example.com")
        tokens = [token_of(mail) for mail in mails if "/email/revert/" in mail]
        assert [use(client, "revert", token).status_code for token in tokens] == [422]
    assert try_login(client, OLD, "the attacker's own passphrase") == 401


@pytest.mark.any_database
def test_links_sent_to_the_old_address_are_revoked(as_ada: TestClient, client: TestClient) -> None:
    """Behaviour 107."""
    token = request_reset(client, OLD)

    change_email(client, as_ada)

    assert reset(client, token).status_code == 422
    assert (try_login(client, ELSEWHERE), try_login(client, ELSEWHERE, NEW)) == (200, 401)


@pytest.mark.any_database
def test_new_request_replaces_the_one_before(as_ada: TestClient, client: TestClient, ada: User) -> None:
    request_change(as_ada, "first@example.com")
    request_change(as_ada, "second@example.com")

    assert use(client, "confirm", latest_token(client, "first@example.com")).status_code == 422
    assert use(client, "confirm", latest_token(client, "second@example.com")).status_code == 204
    assert address_of(client, ada) == "second@example.com"


@pytest.mark.any_database
def test_unverified_account_with_the_new_address_is_deleted(as_ada: TestClient, client: TestClient, ada: User) -> None:
    client.post("/api/v1/auth/register", json={"email": ELSEWHERE, "password": PASSWORD})

    change_email(client, as_ada)

    assert address_of(client, ada) == ELSEWHERE
    users = list(in_database(client, lambda session: session.scalars(select(User.email))))
    assert users == [ELSEWHERE]


@pytest.mark.any_database
def test_mailbox_is_not_flooded(client: TestClient, as_ada: TestClient, as_bob: TestClient) -> None:
    responses = [request_change(caller, "victim@example.com").status_code for caller in [as_ada] * 3 + [as_bob] * 2]

    assert responses == [202] * 5
    assert len(emails_to(client, "victim@example.com")) == 3
    assert request_change(as_ada).status_code == 429


@pytest.mark.any_database
@pytest.mark.parametrize("email", ["no-at-sign", "a@-.example", "a b@example.com", None, 7])
def test_malformed_address_is_rejected(as_ada: TestClient, client: TestClient, email: Any) -> None:
    """Behaviours 5, 38."""
    assert request_change(as_ada, email).status_code == 422
    assert emails_to(client, OLD) == []


@pytest.mark.any_database
def test_unknown_field_is_rejected(as_ada: TestClient) -> None:
    """Behaviour 11."""
    body = {"email": ELSEWHERE, "email_verified_at": "2026-01-01T00:00:00Z"}

    assert as_ada.post(CHANGE, json=body).status_code == 422


@pytest.mark.any_database
def test_events_are_recorded(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviour 150."""
    request_change(as_ada)
    use(client, "cancel", latest_token(client, OLD))
    change_email(client, as_ada)
    use(client, "revert", latest_token(client, OLD))

    query = select(AuthEvent.name).where(AuthEvent.user_id == ada.id, AuthEvent.name.like("user_email%"))
    events = list(in_database(client, lambda session: session.scalars(query.order_by(AuthEvent.id))))
    asked, cancelled = "user_email_change_requested", "user_email_change_canceled"
    assert events == [asked, cancelled, asked, "user_email_changed", "user_email_reverted"]


def test_previous_addresses_are_notified_while_they_can_revert(as_ada: TestClient, client: TestClient) -> None:
    """Behaviour 153."""
    project = client.app_state["authenticator"].project_name
    change_email(client, as_ada, "eve1@example.com")
    change_email(client, as_ada, "eve2@example.com")
    reset(client, request_reset(client, "eve2@example.com"))
    log_in(client, "eve2@example.com", NEW)

    notified = subjects(client, OLD)[-4:]

    assert notified == [
        f"The email address of your {project} account was changed",
        f"The email address of your former {project} account was changed again",
        f"Your {project} password was reset",
        f"New sign-in to {project}",
    ]
    assert subjects(client, "eve1@example.com")[-2:] == notified[-2:]
    assert not any("used this address until recently" in mail for mail in emails_to(client, "eve2@example.com"))
    assert all("used this address until recently" in mail for mail in emails_to(client, OLD)[-3:])
    assert not any("/password/reset/" in mail for mail in emails_to(client, OLD)), "links go to the new address only"


@pytest.mark.any_database
def test_previous_address_is_not_notified_once_it_cannot_revert(as_ada: TestClient, client: TestClient) -> None:
    change_email(client, as_ada)
    purpose = OneTimeToken.purpose == "revert_email"
    over = {"expires_at": utc_now() - timedelta(seconds=1)}
    in_database(client, lambda session: session.execute(update(OneTimeToken).where(purpose).values(**over)))
    before = emails_to(client, OLD)

    reset(client, request_reset(client, ELSEWHERE))

    assert emails_to(client, OLD) == before
    assert subjects(client, ELSEWHERE)[-1].endswith("was reset")


@pytest.mark.any_database
def test_previous_address_is_notified_of_the_deletion(as_ada: TestClient, client: TestClient) -> None:
    change_email(client, as_ada)

    assert as_ada.delete(ME).status_code == 204

    assert subjects(client, OLD)[-1] == subjects(client, ELSEWHERE)[-1]
    assert subjects(client, OLD)[-1].endswith("was deleted")


@pytest.mark.any_database
def test_removed_address_is_notified(as_ada: TestClient, client: TestClient) -> None:
    change_email(client, as_ada)

    use(client, "revert", revert_token_of(client))

    assert subjects(client, ELSEWHERE)[-1].startswith("This email address was removed from an account at ")
    assert OLD in emails_to(client, ELSEWHERE)[-1]


def test_requests_in_progress_do_not_survive_a_revert(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """An attacker's requests are in progress while the owner reverts the change. Behaviour 106."""
    change_email(client, as_ada)
    authenticator = client.app_state["authenticator"]
    scope = in_database(client, lambda session: _scope_of(session, ada))
    attacker = in_database(client, lambda session: session.get_one(User, ada.id))
    assert use(client, "revert", revert_token_of(client)).status_code == 204

    with pytest.raises(SessionEnded):
        in_database(client, lambda session: revocation.lock_account(session, scope))
    assert client.portal is not None
    with pytest.raises(CredentialsChanged):
        client.portal.call(login.complete_login, client.app_state["database"], authenticator, attacker, TEST_CLIENT)


async def _scope_of(session: AsyncSession, user: User) -> Scope:
    """Return the scope of a user's newest session."""
    query = select(AuthSession).where(AuthSession.user_id == user.id).order_by(AuthSession.id.desc()).limit(1)
    opened = (await session.scalars(query)).one()
    return Scope(user.id, opened.id, user.email, frozenset(), frozenset(), opened.authenticated_at)
