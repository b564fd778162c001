"""Revocation of API keys: signing out everywhere, password reset and change, reverted email change."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.cli import load_commands, run
from app.features.api_keys.service import MAX_KEYS
from tests.accounts.email_links import NEW, latest_token, request_reset, reset, subjects, token_of
from tests.features.api_keys.helpers import KEYS, api_key_client, create_key, key_events, keys_in_database
from tests.support import PASSWORD, emails_to, log_in, problem_of, sign_in, with_token

ME = "/api/v1/users/me"
EMAIL_CHANGE = "/api/v1/auth/email/change"
EVE = "eve@example.com"


def status_of(client: TestClient, created: Any) -> int:
    """Return the status of a request with this key."""
    return api_key_client(client, created).get(ME).status_code


def change_password(caller: TestClient, **more: Any) -> int:
    passwords = {"current_password": PASSWORD, "new_password": NEW}
    return caller.post("/api/v1/auth/password/change", json={**passwords, **more}).status_code


def test_reset_from_the_command_line_revokes_keys(
    as_ada: TestClient, ada: User, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = create_key(as_ada)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "8")
    monkeypatch.setattr(sys, "argv", ["app", "users", "reset-password", "--email", ada.email])
    assert status_of(as_ada, key) == 200

    with pytest.raises(SystemExit):
        run(load_commands(["users"]))

    assert status_of(as_ada, key) == 401


def test_signing_out_everywhere_revokes_keys(client: TestClient, as_ada: TestClient, as_bob: TestClient) -> None:
    """Behaviour 154."""
    keys, others = [create_key(as_ada), create_key(as_ada)], create_key(as_bob)

    assert as_ada.post("/api/v1/auth/logout-all").status_code == 204

    assert [status_of(client, created) for created in [*keys, others]] == [401, 401, 200]
    (event,) = key_events(client, "authn_key_revoked")
    assert event.data == {"prefixes": sorted(created["prefix"] for created in keys)}


@pytest.mark.any_database
def test_ending_other_sessions_keeps_keys(client: TestClient, as_ada: TestClient) -> None:
    created = create_key(as_ada)

    assert as_ada.delete("/api/v1/auth/sessions").status_code == 204

    assert status_of(client, created) == 200


@pytest.mark.any_database
def test_password_reset_revokes_keys_and_notifies(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 154."""
    created = create_key(as_ada)

    assert reset(client, request_reset(client, ada.email)).status_code == 204

    assert status_of(client, created) == 401
    assert "API keys were revoked" in emails_to(client, ada.email)[-1]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param({}, 401, id="usually"),
        pytest.param({"keep_api_keys": False}, 401, id="revoked"),
        pytest.param({"keep_api_keys": True}, 200, id="kept"),
    ],
)
def test_password_change_revokes_keys_unless_kept(
    client: TestClient, as_ada: TestClient, ada: User, more: Any, status: int
) -> None:
    """Behaviour 155."""
    created = create_key(as_ada)

    assert change_password(as_ada, **more) == 204

    assert status_of(client, created) == status
    assert ("API keys were revoked" in emails_to(client, ada.email)[-1]) == (status == 401)


@pytest.mark.any_database
def test_password_reset_cannot_keep_keys(client: TestClient, ada: User) -> None:
    """Behaviour 155."""
    token = request_reset(client, ada.email)
    body = {"token": token, "password": NEW, "keep_api_keys": True}

    assert client.post("/api/v1/auth/password/reset", json=body).status_code == 422


def test_reverted_email_change_revokes_keys(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviours 106, 153."""
    before = create_key(as_ada, name="Before")
    as_ada.post(EMAIL_CHANGE, json={"email": EVE})
    client.post(f"{EMAIL_CHANGE}/confirm", json={"token": latest_token(client, EVE)})
    revert_token = token_of(emails_to(client, ada.email)[-1])
    attacker = with_token(client, log_in(client, EVE)["access_token"])
    after = create_key(attacker, name="After")
    assert subjects(client, ada.email)[-1] == "A new API key for your account"
    assert 'the API key "After"' in emails_to(client, ada.email)[-1]

    assert client.post(f"{EMAIL_CHANGE}/revert", json={"token": revert_token}).status_code == 204

    assert [status_of(client, created) for created in (before, after)] == [401, 401]


def test_concurrent_requests_do_not_exceed_the_limit(client: TestClient, as_ada: TestClient, ada: User) -> None:
    for _ in range(MAX_KEYS - 2):
        create_key(as_ada)
    callers = [sign_in(client, ada) for _ in range(6)]

    with ThreadPoolExecutor(6) as threads:
        responses = list(threads.map(lambda caller: caller.post(KEYS, json={"name": "x", "scopes": ["read"]}), callers))

    assert sorted(response.status_code for response in responses) == [201, 201, 409, 409, 409, 409]
    assert {problem_of(response)["type"] for response in responses if response.status_code == 409} == {
        "urn:problem:TooManyApiKeys"
    }
    assert len(keys_in_database(client)) == MAX_KEYS
