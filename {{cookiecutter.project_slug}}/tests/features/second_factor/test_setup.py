"""Setup and removal of two-factor authentication through the API."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from app.features.second_factor.models import TotpSecret
from tests.features.second_factor.helpers import (
    ANSWER,
    CONFIRM,
    RECOVERY,
    TOTP,
    allow_code_reuse,
    current_code,
    enable,
    event_names,
    get_challenge,
    submit_code,
    wrong_code,
)
from tests.query_counts import capture_queries, count_queries
from tests.support import PASSWORD, another_client, emails_to, in_database, log_in, problem_of, with_token


def stored_secret(client: TestClient) -> TotpSecret:
    async def read(session: Any) -> TotpSecret:
        found: TotpSecret = (await session.scalars(select(TotpSecret))).one()
        return found

    return in_database(client, read)


@pytest.mark.any_database
def test_code_is_required_only_after_confirmation(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 116."""
    secret = as_ada.post(TOTP).json()["secret"]
    assert "access_token" in log_in(client, ada.email)
    assert as_ada.get(ANSWER).json() == {"enabled": False, "recovery_codes_left": 0}

    confirmed = as_ada.post(CONFIRM, json={"code": current_code(secret)})

    assert len(confirmed.json()["recovery_codes"]) == 10
    assert get_challenge(client, ada)
    assert as_ada.get(ANSWER).json() == {"enabled": True, "recovery_codes_left": 10}


@pytest.mark.any_database
def test_secret_is_returned_only_until_confirmation(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 116."""
    started = as_ada.post(TOTP).json()
    assert started["uri"].startswith("otpauth://totp/")
    assert f"secret={started['secret']}" in started["uri"]
    assert "ada%40example.com" in started["uri"]
    as_ada.post(CONFIRM, json={"code": current_code(started["secret"])})

    responses = [as_ada.post(TOTP), as_ada.get(ANSWER), as_ada.get("/api/v1/users/me")]

    assert problem_of(responses[0])["type"] == "urn:problem:SecondFactorAlreadyEnabled"
    for later in responses:
        assert started["secret"] not in later.text
    assert started["secret"].encode() not in stored_secret(client).secret


def test_starting_again_replaces_the_secret(as_ada: TestClient) -> None:
    first, second = (as_ada.post(TOTP).json()["secret"] for _ in range(2))

    assert first != second
    assert as_ada.post(CONFIRM, json={"code": current_code(first)}).status_code == 422
    assert as_ada.post(CONFIRM, json={"code": current_code(second)}).status_code == 200


@pytest.mark.any_database
def test_wrong_code_does_not_confirm(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 116."""
    secret = as_ada.post(TOTP).json()["secret"]

    rejected = as_ada.post(CONFIRM, json={"code": wrong_code(secret)})

    assert problem_of(rejected)["type"] == "urn:problem:WrongSetupCode"
    assert "access_token" in log_in(client, ada.email)


@pytest.mark.any_database
def test_confirmation_requires_a_started_setup(as_ada: TestClient) -> None:
    assert problem_of(as_ada.post(CONFIRM, json={"code": "123456"}))["type"] == "urn:problem:SecondFactorNotEnabled"
    assert as_ada.post(RECOVERY).status_code == 404
    assert as_ada.delete(TOTP).status_code == 404


@pytest.mark.any_database
def test_setup_requires_a_verified_email(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 117."""
    in_database(client, lambda session: session.execute(update(User).values(email_verified_at=None)))

    rejected = as_ada.post(TOTP)

    assert problem_of(rejected)["type"] == "urn:problem:EmailNotVerified"
    assert rejected.status_code == 403


@pytest.mark.any_database
@pytest.mark.parametrize(("method", "path"), [("POST", TOTP), ("POST", CONFIRM), ("DELETE", TOTP), ("POST", RECOVERY)])
def test_changes_require_recent_authentication(client: TestClient, as_ada: TestClient, method: str, path: str) -> None:
    """Behaviours 122, 124."""
    enable(as_ada)
    long_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=long_ago)))

    rejected = as_ada.request(method, path, json={"code": "123456"} if path == CONFIRM else None)

    assert rejected.status_code == 401
    assert 'error="insufficient_user_authentication"' in rejected.headers["WWW-Authenticate"]
    assert as_ada.get(ANSWER).json() == {"enabled": True, "recovery_codes_left": 10}


@pytest.mark.any_database
def test_disabling_notifies_records_and_ends_other_sessions(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviours 122, 150."""
    secret, codes = enable(as_ada)
    challenge = get_challenge(client, ada)
    other = with_token(client, submit_code(client, challenge, current_code(secret)).json()["access_token"])
    waiting = get_challenge(client, ada)
    assert other.get(ANSWER).status_code == 200

    removed = as_ada.delete(TOTP)

    assert removed.status_code == 204
    assert other.get(ANSWER).status_code == 401
    assert as_ada.get(ANSWER).json() == {"enabled": False, "recovery_codes_left": 0}
    assert submit_code(client, waiting, codes[0]).status_code == 401
    assert "was turned off" in emails_to(client, ada.email)[-1]
    names = event_names(client, ada)
    assert names.index("authn_second_factor_added") < names.index("authn_second_factor_removed")
    assert "access_token" in log_in(client, ada.email)


@pytest.mark.any_database
def test_owner_is_notified_when_it_is_enabled(client: TestClient, as_ada: TestClient, ada: User) -> None:
    secret, codes = enable(as_ada)

    (mail,) = emails_to(client, ada.email)
    assert mail.startswith("Subject: Two-factor authentication was turned on\n")
    assert not [leaked for leaked in (secret, *codes) if leaked in mail]


def test_new_recovery_codes_invalidate_the_old_ones(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 120."""
    _, old = enable(as_ada)

    new = as_ada.post(RECOVERY).json()["recovery_codes"]

    assert len(new) == 10
    assert not set(new) & set(old)
    assert submit_code(client, get_challenge(client, ada), old[0]).status_code == 401
    assert submit_code(client, get_challenge(client, ada), new[0]).status_code == 200
    assert "New recovery codes" in emails_to(client, ada.email)[1]


@pytest.mark.any_database
def test_enabling_again_creates_a_new_secret(client: TestClient, as_ada: TestClient, ada: User) -> None:
    first, _ = enable(as_ada)
    as_ada.delete(TOTP)
    second, codes = enable(as_ada)

    assert first != second
    assert submit_code(client, get_challenge(client, ada), codes[0]).status_code == 200


@pytest.mark.any_database
def test_second_factor_is_per_user(client: TestClient, as_ada: TestClient, as_bob: TestClient, bob: User) -> None:
    """Behaviour 130."""
    enable(as_ada)

    assert as_bob.get(ANSWER).json() == {"enabled": False, "recovery_codes_left": 0}
    assert as_bob.delete(TOTP).status_code == 404
    assert as_ada.get(ANSWER).json()["enabled"]
    assert "access_token" in log_in(client, bob.email)


NEW_KEY = "another secret key, which is just as long"


@pytest.mark.any_database
def test_used_secret_survives_secret_key_rotation(
    client: TestClient, as_ada: TestClient, ada: User, start_app: Any
) -> None:
    """Behaviour 152."""
    secret, _ = enable(as_ada)
    former = client.app_state["settings"].secret_key

    rotated = start_app(secret_key=NEW_KEY, secret_key_fallbacks=former.get_secret_value())
    with_both = submit_code(rotated, get_challenge(rotated, ada), current_code(secret))
    dropped = start_app(secret_key=NEW_KEY)
    allow_code_reuse(dropped)
    with_new = submit_code(dropped, get_challenge(dropped, ada), current_code(secret))

    assert (with_both.status_code, with_new.status_code) == (200, 200)


@pytest.mark.any_database
def test_recovery_codes_work_after_the_secret_key_is_dropped(
    as_ada: TestClient, as_bob: TestClient, ada: User, start_app: Any
) -> None:
    secret, recovery_codes = enable(as_ada)
    assert as_bob.post(TOTP).status_code == 200

    dropped = start_app(secret_key=NEW_KEY)

    assert submit_code(dropped, get_challenge(dropped, ada), current_code(secret)).status_code == 401
    assert submit_code(dropped, get_challenge(dropped, ada), recovery_codes[0]).status_code == 200
    bob = with_token(dropped, log_in(dropped, "bob@example.com")["access_token"])
    assert bob.post(CONFIRM, json={"code": "123456"}).status_code == 404


def test_deleting_the_user_deletes_it(client: TestClient, as_ada: TestClient, ada: User) -> None:
    enable(as_ada)
    get_challenge(client, ada)

    in_database(client, lambda session: session.delete(ada))

    assert in_database(client, lambda session: session.scalar(select(TotpSecret))) is None


def test_query_counts(client: TestClient, as_ada: TestClient, ada: User) -> None:
    browser = another_client(client, Origin="http://127.0.0.1:8000")
    with capture_queries(client, as_ada, browser) as requests:
        secret, codes = enable(as_ada)
        as_ada.get(ANSWER)
        challenge = get_challenge(client, ada)
        assert submit_code(client, challenge, current_code(secret)).status_code == 200
        step = browser.post("/api/v1/auth/cookie/login", json={"email": ada.email, "password": PASSWORD}).json()
        answer = {"challenge": step["challenge"], "code": codes[1]}
        assert browser.post("/api/v1/auth/cookie/second-factor", json=answer).status_code == 200
        assert as_ada.post(RECOVERY, json={"code": codes[0]}).status_code == 200
        allow_code_reuse(client)
        assert as_ada.request("DELETE", TOTP, json={"code": current_code(secret)}).status_code == 204

    assert count_queries(requests) == {
        "POST /api/v1/auth/totp": 5,
        "POST /api/v1/auth/totp/confirm": 9,
        "GET /api/v1/auth/second-factor": 3,
        "POST /api/v1/auth/login": 8,
        "POST /api/v1/auth/second-factor": 15,
        "POST /api/v1/auth/cookie/login": 8,
        "POST /api/v1/auth/cookie/second-factor": 18,  # by a recovery code
        "POST /api/v1/auth/recovery-codes": 8,
        "DELETE /api/v1/auth/totp": 9,
    }
