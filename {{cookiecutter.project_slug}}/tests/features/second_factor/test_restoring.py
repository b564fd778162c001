"""Reverting an email change restores the second factor from before the change."""

from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import utc_now
from app.features.second_factor.models import RecoveryCode
from tests.accounts.email_links import NEW, latest_token, request_reset, reset, reset_rate_limits, subjects, token_of
from tests.features.second_factor.helpers import RECOVERY, TOTP, allow_code_reuse, current_code, enable, submit_code
from tests.support import PASSWORD, emails_to, in_database, with_token

LOGIN = "/api/v1/auth/login"
CHANGE = "/api/v1/auth/email/change"
EVE = "eve@example.com"


def move(client: TestClient, caller: TestClient, old: str, new: str = EVE) -> str:
    """Change the caller's email address; return the token that reverts it."""
    reset_rate_limits(client)
    assert caller.post(CHANGE, json={"email": new}).status_code == 202
    assert client.post(f"{CHANGE}/confirm", json={"token": latest_token(client, new)}).status_code == 204
    return token_of(next(mail for mail in reversed(emails_to(client, old)) if "/email/revert/" in mail))


def revert_and_sign_in(client: TestClient, token: str, email: str) -> Any:
    """Revert the email change, reset the password, and return the login response."""
    assert client.post(f"{CHANGE}/revert", json={"token": token}).status_code == 204
    assert reset(client, request_reset(client, email)).status_code == 204
    allow_code_reuse(client)
    return client.post(LOGIN, json={"email": email, "password": NEW}).json()


def test_second_factor_added_after_the_change_is_removed(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviours 106, 153."""
    revert_token = move(client, as_ada, ada.email)
    secret, _ = enable(as_ada)
    open_challenge = client.post(LOGIN, json={"email": EVE, "password": PASSWORD}).json()["challenge"]
    assert subjects(client, ada.email)[-1] == "Two-factor authentication was turned on"

    signed_in = revert_and_sign_in(client, revert_token, ada.email)

    assert "access_token" in signed_in
    assert submit_code(client, open_challenge, current_code(secret)).status_code == 401
    state = with_token(client, signed_in["access_token"]).get("/api/v1/auth/second-factor").json()
    assert state == {"enabled": False, "recovery_codes_left": 0}


def test_unconfirmed_setup_is_removed(client: TestClient, as_ada: TestClient, ada: User) -> None:
    assert as_ada.post(TOTP).status_code == 200
    revert_token = move(client, as_ada, ada.email)

    assert "access_token" in revert_and_sign_in(client, revert_token, ada.email)


@pytest.mark.parametrize("then", ["replace", "remove", "nothing"])
def test_second_factor_from_before_the_change_is_restored(
    client: TestClient, as_ada: TestClient, ada: User, then: str
) -> None:
    """An attacker with access to the old mailbox can't bypass the second factor. Behaviours 106, 153."""
    secret, codes = enable(as_ada)
    revert_token = move(client, as_ada, ada.email)
    if then != "nothing":
        assert as_ada.delete(TOTP).status_code == 204
        assert subjects(client, ada.email)[-1] == "Two-factor authentication was turned off"
    attackers, _ = enable(as_ada) if then == "replace" else (secret, [])

    challenge = revert_and_sign_in(client, revert_token, ada.email)["challenge"]

    if then == "replace":
        assert submit_code(client, challenge, current_code(attackers)).status_code == 401
    assert submit_code(client, challenge, current_code(secret)).status_code == 200
    challenge = client.post(LOGIN, json={"email": ada.email, "password": NEW}).json()["challenge"]
    assert submit_code(client, challenge, codes[0]).status_code == 200


def test_unused_recovery_codes_are_restored(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviours 106, 120."""
    _, codes = enable(as_ada)
    use_first = update(RecoveryCode).where(RecoveryCode.number == 1).values(used_at=utc_now())
    in_database(client, lambda session: session.execute(use_first))
    revert_token = move(client, as_ada, ada.email)
    challenge = client.post(LOGIN, json={"email": EVE, "password": PASSWORD}).json()["challenge"]
    assert submit_code(client, challenge, codes[1]).status_code == 200
    attackers = as_ada.post(RECOVERY).json()["recovery_codes"]
    assert subjects(client, ada.email)[-1] == "New recovery codes for your account"

    challenge = revert_and_sign_in(client, revert_token, ada.email)["challenge"]

    entered = [codes[0], codes[1], attackers[2], codes[2]]
    assert [submit_code(client, challenge, code).status_code for code in entered] == [401, 401, 401, 200]


def test_first_of_several_changes_can_be_reverted(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 106."""
    first, _ = enable(as_ada)
    revert_token = move(client, as_ada, ada.email)
    as_ada.delete(TOTP)
    second, _ = enable(as_ada)
    move(client, as_ada, EVE, "eve2@example.com")

    challenge = revert_and_sign_in(client, revert_token, ada.email)["challenge"]

    assert [submit_code(client, challenge, current_code(secret)).status_code for secret in (second, first)] == [
        401,
        200,
    ]
