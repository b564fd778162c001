"""Sign-up: the response doesn't reveal whether an address is registered; only the email does."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User, UserRole
from tests.accounts.email_links import latest_token, reset_rate_limits
from tests.support import PASSWORD, add_user, emails_to, in_database, link_in, log_in, problem_of

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
ADA = "ada@example.com"


def register(client: TestClient, email: Any = ADA, password: Any = PASSWORD, **more: Any) -> Any:
    return client.post(
        REGISTER, json={"email": email, "password": password, **more}, headers={"X-Request-ID": "the-same-id"}
    )


def try_login(client: TestClient, email: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, json={"email": email, "password": password})


def count_users(client: TestClient) -> int:
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(User))) or 0


@pytest.mark.any_database
def test_new_account_must_be_verified(client: TestClient) -> None:
    """Behaviour 1."""
    response = register(client, display_name="  Ada Lovelace ")

    assert (response.status_code, response.json()) == (202, {"detail": "Check your email."})
    (mail,) = emails_to(client, ADA)
    assert mail.startswith("Subject: Confirm your email address")
    assert link_in(mail).startswith("/verify/")
    sign_in = try_login(client, ADA)
    assert (sign_in.status_code, problem_of(sign_in)["type"]) == (403, "urn:problem:EmailNotVerified")
    user = in_database(client, lambda session: session.scalar(select(User)))
    assert user is not None
    assert (user.display_name, user.email_verified_at, user.is_active) == ("Ada Lovelace", None, True)
    events = in_database(client, lambda session: session.scalars(select(AuthEvent.name).order_by(AuthEvent.id)))
    assert next(iter(events)) == "user_created"


@pytest.mark.any_database
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "unverified"])
def test_response_does_not_reveal_a_registered_address(client: TestClient, verified: bool) -> None:  # noqa: FBT001
    """Behaviour 2."""
    fresh = register(client, "carol@example.com")
    if verified:
        add_user(client, ADA)
    else:
        register(client)
        reset_rate_limits(client)

    again = register(client, password="another good passphrase")

    assert (again.status_code, again.content) == (fresh.status_code, fresh.content)
    assert sorted(again.headers.items()) == sorted(fresh.headers.items())
    assert count_users(client) == 2
    last = emails_to(client, ADA)[-1]
    assert last.startswith(
        "Subject: You already have an account" if verified else "Subject: Confirm your email address"
    )
    assert try_login(client, ADA, "another good passphrase").status_code == 401
    assert try_login(client, ADA).status_code == (200 if verified else 403)


def test_spellings_of_an_address_are_one_account(client: TestClient) -> None:
    """Behaviour 4."""
    register(client, "Ada@Example.com")
    reset_rate_limits(client)

    for spelling in (" ada@EXAMPLE.COM ", "\uff21da@example.com"):
        assert register(client, spelling).status_code == 202

    assert count_users(client) == 1


@pytest.mark.any_database
def test_unusual_spelling_does_not_divert_the_email(client: TestClient) -> None:
    register(client, "\uff41da@example.com")

    assert len(emails_to(client, ADA)) == 1


@pytest.mark.any_database
@pytest.mark.parametrize(
    "email",
    [
        pytest.param("no-at-sign", id="no-at"),
        pytest.param("a b@example.com", id="space"),
        pytest.param("a@b c.example", id="space-in-domain"),
        pytest.param("a\x00@example.com", id="nul"),
        pytest.param("a\r\nBcc: eve@example.com", id="header"),
        pytest.param("a" * 288 + "@example.com", id="300-characters"),
        pytest.param("a@-.example", id="no-domain"),
        pytest.param("half\ud800@example.com", id="half-a-character"),
        pytest.param(7, id="number"),
        pytest.param(["ada@example.com"], id="list"),
        pytest.param(None, id="null"),
    ],
)
@pytest.mark.parametrize("path", [REGISTER, LOGIN, "/api/v1/auth/password/forgot", "/api/v1/auth/verify-email/resend"])
def test_malformed_address_is_rejected(client: TestClient, path: str, email: Any) -> None:
    """Behaviours 5, 38."""
    body = {"email": email} | ({"password": PASSWORD} if path in {REGISTER, LOGIN} else {})

    response = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})

    well_formed_for_others = {"a" * 288 + "@example.com": {202, 401}, "a@-.example": {202, 401}}
    allowed = {422} if path == REGISTER else {422, *well_formed_for_others.get(str(email), set())}
    assert response.status_code in allowed
    assert count_users(client) == 0


@pytest.mark.any_database
@pytest.mark.parametrize(
    "field",
    [
        pytest.param({"is_superuser": True}, id="superuser"),
        pytest.param({"roles": ["admin"]}, id="roles"),
        pytest.param({"is_active": True}, id="state"),
        pytest.param({"email_verified_at": "2026-01-01T00:00:00Z"}, id="proof"),
    ],
)
def test_unknown_field_is_rejected(client: TestClient, field: dict[str, Any]) -> None:
    """Behaviour 11."""
    assert register(client, **field).status_code == 422
    assert count_users(client) == 0
    assert in_database(client, lambda session: session.scalar(select(UserRole.user_id))) is None


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("password", "problem"),
    [
        pytest.param("elevenchars", "PasswordTooShort", id="short"),
        pytest.param("password1234567", "PasswordTooCommon", id="common"),
        pytest.param("qwertyuiop12345", "PasswordTooCommon", id="row-of-keys"),
        pytest.param("aaaaaaaaaaaaaaaa", "PasswordTooCommon", id="repeated"),
        pytest.param("ada@example.com1", "PasswordTooCommon", id="address"),
        pytest.param("x" * 1025, "PasswordTooLong", id="1025-bytes"),
        pytest.param("x" * 5000, "InvalidRequest", id="5000-characters"),
        pytest.param(7, "InvalidRequest", id="number"),
        pytest.param(None, "InvalidRequest", id="null"),
    ],
)
def test_bad_password_is_rejected_with_its_problem_type(client: TestClient, password: Any, problem: str) -> None:
    """Behaviours 15, 18, 21, 22, 24, 38."""
    response = register(client, password=password)

    assert response.status_code == 422
    assert problem_of(response)["type"] == f"urn:problem:{problem}"
    assert str(password) not in response.text.replace("urn:problem:", "")
    assert count_users(client) == 0


def test_concurrent_sign_ups_create_one_account(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: register(client), range(8)))

    assert [response.status_code for response in responses] == [202] * 8
    assert count_users(client) == 1
    assert len(emails_to(client, ADA)) == 1


@pytest.mark.any_database
def test_sign_ups_per_ip_are_limited(start_app: Callable[..., TestClient]) -> None:
    client = start_app(auth={"ip_attempts_per_minute": 2})

    responses = [register(client, f"user{number}@example.com") for number in range(3)]

    assert [response.status_code for response in responses] == [202, 202, 429]
    assert int(responses[-1].headers["Retry-After"]) > 0


@pytest.mark.any_database
def test_sign_up_does_not_flood_a_mailbox(client: TestClient, ada: User) -> None:
    for _ in range(4):
        assert register(client).status_code == 202

    assert len(emails_to(client, ada.email)) == 1
    assert log_in(client, ada.email)


@pytest.mark.any_database
def test_no_secret_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Behaviour 25."""
    caplog.set_level("DEBUG")
    new = "another good passphrase"

    register(client)
    tokens = [latest_token(client, ADA)]
    client.get(f"/verify/{tokens[0]}")
    client.post("/api/v1/auth/verify-email", json={"token": tokens[0], "password": PASSWORD})
    pair = log_in(client, ADA)
    client.post("/api/v1/auth/password/forgot", json={"email": ADA})
    tokens.append(latest_token(client, ADA))
    client.get(f"/password/reset/{tokens[1]}")
    reset = client.post("/api/v1/auth/password/reset", json={"token": tokens[1], "password": new})

    assert reset.status_code == 204
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]  # the test client's own
    logged = "\n".join(record.getMessage() for record in ours)
    assert "POST /api/v1/auth/password/reset 204" in logged
    assert "authn_password_reset" in logged
    for secret in (PASSWORD, new, *tokens, pair["access_token"], pair["refresh_token"]):
        assert secret not in logged
