"""Email verification: a password chosen by a third party is removed."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.lifecycle.schemas import SignUp
from app.accounts.lifecycle.signup import EmailVerified, sign_up, verify_email
from app.accounts.models import OneTimeToken, User
from app.database.base import utc_now
from tests.accounts.email_links import FORGOT, RESET, latest_token, reset_rate_limits, try_login
from tests.support import PASSWORD, TEST_CLIENT, emails_to, in_database, log_in, problem_of

VERIFY = "/api/v1/auth/verify-email"
RESEND = "/api/v1/auth/verify-email/resend"
ADA = "ada@example.com"


def verify(client: TestClient, token: str, **more: Any) -> Any:
    return client.post(VERIFY, json={"token": token, **more})


def is_verified(client: TestClient) -> bool:
    return bool(in_database(client, lambda session: session.scalar(select(User.email_verified_at))))


def run(client: TestClient, work: Any, *arguments: Any, **more: Any) -> Any:
    """Call a service as the web pages do."""
    state = client.app_state

    async def call() -> Any:
        return await work(state["database"], state["authenticator"], *arguments, **more)

    assert client.portal is not None
    return client.portal.call(call)


@pytest.fixture
def token(client: TestClient) -> str:
    """Return the token emailed after a sign-up."""
    client.post("/api/v1/auth/register", json={"email": ADA, "password": PASSWORD})
    return latest_token(client, ADA)


@pytest.mark.any_database
def test_token_with_the_password_activates_the_account(client: TestClient, token: str) -> None:
    assert verify(client, token, password=PASSWORD).status_code == 204
    assert log_in(client, ADA)


@pytest.mark.any_database
def test_opening_the_link_changes_nothing(client: TestClient, token: str) -> None:
    """Behaviour 6."""
    for _ in range(2):
        client.get(f"/verify/{token}")

    assert not is_verified(client)
    assert verify(client, token).status_code == 204
    assert is_verified(client)


@pytest.mark.any_database
@pytest.mark.parametrize(("known", "name"), [(PASSWORD, "Mallory"), (None, "")])
def test_name_is_only_kept_with_the_password(client: TestClient, known: str | None, name: str) -> None:
    client.post("/api/v1/auth/register", json={"email": ADA, "password": PASSWORD, "display_name": "Mallory"})

    verify(client, latest_token(client, ADA), password=known)

    assert in_database(client, lambda session: session.scalar(select(User.display_name))) == name


def test_token_works_once(client: TestClient, token: str) -> None:
    """Behaviour 7."""
    verify(client, token, password=PASSWORD)

    again = verify(client, token, password=PASSWORD)

    assert (again.status_code, problem_of(again)["type"]) == (422, "urn:problem:InvalidLink")
    assert again.json() == verify(client, "A" * 43).json(), "unknown and used tokens get the same response"


def test_token_works_once_for_concurrent_requests(client: TestClient, token: str) -> None:
    with ThreadPoolExecutor(5) as threads:
        responses = list(threads.map(lambda _: verify(client, token).status_code, range(5)))

    assert sorted(responses) == [204, 422, 422, 422, 422]


@pytest.mark.any_database
def test_expired_token_is_rejected(client: TestClient, token: str) -> None:
    """Behaviour 8."""
    day_ago = utc_now() - timedelta(seconds=1)
    in_database(client, lambda session: session.execute(update(OneTimeToken).values(expires_at=day_ago)))

    assert problem_of(verify(client, token))["type"] == "urn:problem:InvalidLink"
    assert not is_verified(client)


@pytest.mark.any_database
def test_token_is_valid_for_a_day(client: TestClient, token: str) -> None:
    row = in_database(client, lambda session: session.scalar(select(OneTimeToken)))

    assert row is not None
    assert row.expires_at - row.created_at == timedelta(hours=24)
    assert token.encode() not in row.token_hash


@pytest.mark.any_database
def test_token_verifies_no_other_address(client: TestClient, token: str) -> None:
    """Behaviour 9."""
    new = {"email": "ada@elsewhere.example", "email_key": "ada@elsewhere.example"}
    in_database(client, lambda session: session.execute(update(User).values(**new)))

    assert verify(client, token).status_code == 422
    assert not is_verified(client)


@pytest.mark.any_database
@pytest.mark.parametrize("path", [RESET])
def test_token_is_bound_to_its_purpose(client: TestClient, token: str, path: str) -> None:
    body = {"token": token} | ({"password": "another good passphrase"} if "reset" in path else {})

    assert problem_of(client.post(path, json=body))["type"] == "urn:problem:InvalidLink"
    assert verify(client, token).status_code == 204


@pytest.mark.any_database
def test_resending_is_limited_and_reveals_nothing(client: TestClient, token: str) -> None:
    """Behaviour 10."""
    responses = [client.post(RESEND, json={"email": email}) for email in (ADA, ADA, "nobody@example.com")]

    assert [(response.status_code, response.json()) for response in responses] == [
        (202, {"detail": "Check your email."})
    ] * 3
    assert len(emails_to(client, ADA)) == 1, "the first email is less than a minute old"
    reset_rate_limits(client)
    for _ in range(2):
        client.post(RESEND, json={"email": ADA})
    assert len(emails_to(client, ADA)) == 2
    assert emails_to(client, "nobody@example.com") == []
    assert verify(client, latest_token(client, ADA), password=PASSWORD).status_code == 204
    assert verify(client, token).status_code == 422, "the others are revoked"


@pytest.mark.any_database
def test_verified_address_gets_no_further_link(client: TestClient, ada: User) -> None:
    client.post(RESEND, json={"email": ada.email})

    assert emails_to(client, ada.email) == []


@pytest.mark.any_database
def test_password_chosen_by_a_third_party_is_removed(client: TestClient, token: str) -> None:
    """Behaviour 12."""
    assert verify(client, token).status_code == 204

    assert is_verified(client)
    assert try_login(client, ADA) == 401
    client.post(FORGOT, json={"email": ADA})
    mine = {"token": latest_token(client, ADA), "password": "another good passphrase"}
    assert client.post(RESET, json=mine).status_code == 204
    assert (try_login(client, ADA), try_login(client, ADA, mine["password"])) == (401, 200)


@pytest.mark.any_database
def test_reset_verifies_the_address_and_replaces_the_password(client: TestClient, token: str) -> None:
    """Behaviour 12."""
    client.post(FORGOT, json={"email": ADA})
    mine = {"token": latest_token(client, ADA), "password": "another good passphrase"}

    assert client.post(RESET, json=mine).status_code == 204

    assert (try_login(client, ADA), try_login(client, ADA, mine["password"])) == (401, 200)
    assert verify(client, token).status_code == 422


@pytest.mark.any_database
def test_wrong_password_leaves_the_token_valid(client: TestClient, token: str) -> None:
    response = verify(client, token, password="not the password")

    assert (response.status_code, problem_of(response)["type"]) == (401, "urn:problem:InvalidCredentials")
    assert not is_verified(client)
    assert verify(client, token, password=PASSWORD).status_code == 204


@pytest.mark.any_database
def test_browser_that_signed_up_keeps_its_password(client: TestClient) -> None:
    """Behaviour 12."""
    proof = run(client, sign_up, SignUp(email=ADA, password=PASSWORD), TEST_CLIENT)

    verified: EmailVerified = run(client, verify_email, latest_token(client, ADA), TEST_CLIENT, signup_proof=proof)

    assert (verified.user.email, verified.reset_link_token) == (ADA, None)
    assert log_in(client, ADA)


@pytest.mark.any_database
@pytest.mark.parametrize("who", ["second", "none"])
def test_other_browser_gets_a_link_to_set_a_password(client: TestClient, token: str, who: str) -> None:
    """Behaviour 12. The owner signs up after an attacker did; the owner's password was not stored."""
    proof = run(client, sign_up, SignUp(email=ADA, password="another good passphrase"), TEST_CLIENT)

    verified: EmailVerified = run(
        client, verify_email, token, TEST_CLIENT, signup_proof=proof if who == "second" else None
    )

    assert try_login(client, ADA) == 401
    assert try_login(client, ADA, "another good passphrase") == 401
    assert verified.reset_link_token is not None
    mine = {"token": verified.reset_link_token, "password": "a third good passphrase"}
    assert client.post(RESET, json=mine).status_code == 204
    assert try_login(client, ADA, mine["password"]) == 200


@pytest.mark.any_database
@pytest.mark.parametrize("token", ["", "x" * 201, "half \ud800 a character", "with/slash", "nul\x00", 7, None, ["x"]])
@pytest.mark.parametrize("path", [VERIFY, RESET])
def test_malformed_token_is_rejected(client: TestClient, path: str, token: Any) -> None:
    body = {"token": token} | ({"password": PASSWORD} if path == RESET else {})

    response = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert response.status_code == 422
