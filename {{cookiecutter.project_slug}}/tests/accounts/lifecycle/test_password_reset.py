"""Password reset: an emailed token sets a new password once and ends all sessions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.lifecycle.password_reset import send_password_reset
from app.accounts.models import AuthEvent, OneTimeToken, User
from app.database.base import utc_now
from tests.accounts.email_links import FORGOT, NEW, RESET, latest_token, request_reset, reset, try_login
from tests.support import PASSWORD, add_user, emails_to, in_database, log_in, problem_of, with_token

ME = "/api/v1/users/me"


def set_fields(client: TestClient, user: User, **fields: Any) -> None:
    in_database(client, lambda session: session.execute(update(User).where(User.id == user.id).values(**fields)))


@pytest.mark.any_database
def test_response_is_the_same_for_every_address(client: TestClient, ada: User) -> None:
    """Behaviour 87."""
    disabled, unverified = (add_user(client, f"{name}@example.com") for name in ("disabled", "unverified"))
    set_fields(client, disabled, is_active=False)
    set_fields(client, unverified, email_verified_at=None)
    addresses = [ada.email, "nobody@example.com", disabled.email, unverified.email]

    responses = [
        client.post(FORGOT, json={"email": email}, headers={"X-Request-ID": "the-same-id"}) for email in addresses
    ]

    assert {response.status_code for response in responses} == {202}
    assert len({(response.content, str(sorted(response.headers.items()))) for response in responses}) == 1
    assert [len(emails_to(client, email)) for email in addresses] == [1, 0, 0, 1]


@pytest.mark.any_database
def test_unknown_address_creates_no_email_and_no_token(client: TestClient) -> None:
    client.post(FORGOT, json={"email": "nobody@example.com"})

    async def rows(session: AsyncSession) -> list[Any]:
        return [await session.scalar(select(table)) for table in (OneTimeToken, User)]

    assert in_database(client, rows) == [None, None]
    asked = in_database(client, lambda session: session.scalar(select(AuthEvent)))
    assert asked is not None
    assert (asked.name, asked.user_id) == ("authn_password_reset_requested", None)


def test_token_works_once(client: TestClient, ada: User) -> None:
    """Behaviour 89."""
    token = request_reset(client, ada.email)
    assert reset(client, token).status_code == 204

    again = reset(client, token, "a third good passphrase")

    assert (again.status_code, problem_of(again)["type"]) == (422, "urn:problem:InvalidLink")
    assert try_login(client, ada.email, NEW) == 200


def test_token_works_once_for_concurrent_requests(client: TestClient, ada: User) -> None:
    token = request_reset(client, ada.email)

    with ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(lambda number: reset(client, token, f"{NEW} {number}").status_code, range(4)))

    assert sorted(responses) == [204, 422, 422, 422]
    assert [try_login(client, ada.email, f"{NEW} {number}") == 200 for number in range(4)] == [
        response == 204 for response in responses
    ]


@pytest.mark.any_database
def test_expired_token_is_rejected(client: TestClient, ada: User) -> None:
    """Behaviour 90."""
    token = request_reset(client, ada.email)
    row = in_database(client, lambda session: session.scalar(select(OneTimeToken)))
    assert row is not None
    assert row.expires_at - row.created_at == timedelta(minutes=30)
    earlier = {"expires_at": utc_now() - timedelta(minutes=1)}
    in_database(client, lambda session: session.execute(update(OneTimeToken).values(**earlier)))

    assert problem_of(reset(client, token))["type"] == "urn:problem:InvalidLink"
    assert try_login(client, ada.email) == 200


def test_used_token_revokes_the_others(client: TestClient, ada: User) -> None:
    """Behaviour 91."""
    first, second = request_reset(client, ada.email), request_reset(client, ada.email)

    assert reset(client, first).status_code == 204
    assert reset(client, second).status_code == 422


def test_at_most_three_tokens_are_valid(start_app: Callable[..., TestClient]) -> None:
    client = start_app(auth={"emails_per_hour": 10})
    ada = add_user(client, "ada@example.com")
    tokens = [request_reset(client, ada.email) for _ in range(4)]

    assert reset(client, tokens[0]).status_code == 422
    assert reset(client, tokens[1]).status_code == 204


def test_reset_ends_all_sessions_and_starts_none(client: TestClient, ada: User) -> None:
    """Behaviours 65, 92."""
    pair = log_in(client, ada.email)

    response = reset(client, request_reset(client, ada.email))

    assert (response.status_code, response.content, "set-cookie" in response.headers) == (204, b"", False)
    assert with_token(client, pair["access_token"]).get(ME).status_code == 401
    refresh = {"refresh_token": pair["refresh_token"]}
    assert client.post("/api/v1/auth/token/refresh", json=refresh).status_code == 401
    assert (try_login(client, ada.email), try_login(client, ada.email, NEW)) == (401, 200)


@pytest.mark.any_database
def test_opening_the_link_changes_nothing(client: TestClient, ada: User) -> None:
    """Behaviour 93."""
    token = request_reset(client, ada.email)

    for _ in range(2):
        client.get(f"/password/reset/{token}")

    assert reset(client, token).status_code == 204


@pytest.mark.any_database
def test_link_uses_the_base_url(client: TestClient, ada: User) -> None:
    """Behaviour 94."""
    headers = {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}

    assert client.post(FORGOT, json={"email": ada.email}, headers=headers).status_code == 202

    (mail,) = emails_to(client, ada.email)
    assert f"{client.app_state['authenticator'].base_url}/password/reset/" in mail
    assert "evil.test" not in mail


@pytest.mark.any_database
def test_other_tokens_cannot_reset(client: TestClient, ada: User) -> None:
    """Behaviour 96."""
    client.post("/api/v1/auth/register", json={"email": "carol@example.com", "password": PASSWORD})
    pair = log_in(client, ada.email)
    others = [latest_token(client, "carol@example.com"), pair["refresh_token"], pair["access_token"].replace(".", "_")]

    responses = [reset(client, token[:200]).status_code for token in [*others, pair["access_token"]]]

    assert responses == [422] * 4
    assert try_login(client, ada.email) == 200


@pytest.mark.any_database
def test_mailbox_is_not_flooded(client: TestClient, ada: User) -> None:
    """Behaviour 97."""
    responses = [client.post(FORGOT, json={"email": ada.email}).status_code for _ in range(10)]

    assert responses == [202] * 10
    assert len(emails_to(client, ada.email)) == 3


@pytest.mark.any_database
def test_requests_per_ip_are_limited(start_app: Callable[..., TestClient]) -> None:
    client = start_app(auth={"ip_attempts_per_minute": 2})

    responses = [client.post(FORGOT, json={"email": f"user{number}@example.com"}) for number in range(3)]

    assert [response.status_code for response in responses] == [202, 202, 429]


@pytest.mark.any_database
def test_owner_is_notified(client: TestClient, ada: User) -> None:
    """Behaviour 86."""
    reset(client, request_reset(client, ada.email))

    notice = emails_to(client, ada.email)[-1]
    project = client.app_state["authenticator"].project_name
    assert notice.startswith(f"Subject: Your {project} password was reset\n")
    assert NEW not in notice


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("elevenchars", "PasswordTooShort"),
        ("qwertyuiop12345", "PasswordTooCommon"),
        ("ada@example.com1", "PasswordTooCommon"),
        ("x" * 1025, "PasswordTooLong"),
    ],
)
def test_bad_password_leaves_the_token_valid(client: TestClient, ada: User, password: str, problem: str) -> None:
    """Behaviours 15, 21, 22, 24."""
    token = request_reset(client, ada.email)

    response = reset(client, token, password)

    assert (response.status_code, problem_of(response)["type"]) == (422, f"urn:problem:{problem}")
    assert token not in response.text
    assert password not in response.text
    assert reset(client, token).status_code == 204


@pytest.mark.any_database
def test_reset_clears_the_rate_limit_of_the_account(client: TestClient, ada: User) -> None:
    """Behaviour 110."""
    responses = [try_login(client, ada.email, "wrong") for _ in range(6)]
    assert (responses[-1], try_login(client, ada.email)) == (429, 429)

    assert reset(client, request_reset(client, ada.email)).status_code == 204

    assert try_login(client, ada.email, NEW) == 200


@pytest.mark.any_database
def test_disabled_account_cannot_be_reset(client: TestClient, ada: User) -> None:
    token = request_reset(client, ada.email)
    set_fields(client, ada, is_active=False)

    assert reset(client, token).status_code == 422


@pytest.mark.any_database
def test_admin_can_send_the_link(client: TestClient, ada: User) -> None:
    authenticator = client.app_state["authenticator"]

    in_database(client, lambda session: send_password_reset(session, authenticator, ada))

    assert reset(client, latest_token(client, ada.email)).status_code == 204


@pytest.mark.any_database
def test_events_are_recorded(client: TestClient, ada: User) -> None:
    """Behaviour 150."""
    reset(client, request_reset(client, ada.email))

    query = select(AuthEvent.name).where(AuthEvent.user_id == ada.id).order_by(AuthEvent.id)
    events = list(in_database(client, lambda session: session.scalars(query)))
    assert events == ["authn_password_reset_requested", "authn_password_reset"]


@pytest.mark.any_database
def test_unknown_field_is_rejected(client: TestClient, ada: User) -> None:
    """Behaviour 11."""
    token = request_reset(client, ada.email)

    assert client.post(RESET, json={"token": token, "password": NEW, "roles": ["admin"]}).status_code == 422
    assert client.post(FORGOT, json={"email": ada.email, "is_superuser": True}).status_code == 422
