"""Signing in with two-factor authentication through the API."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from app.database.base import utc_now
from app.features.second_factor.models import LoginChallenge, RecoveryCode
from tests.accounts.email_links import latest_token
from tests.features.second_factor.helpers import (
    ANSWER,
    allow_code_reuse,
    current_code,
    enable,
    event_names,
    get_challenge,
    submit_code,
    wrong_code,
)
from tests.support import PASSWORD, another_client, emails_to, in_database, log_in, problem_of, with_token

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"


def count_sessions(client: TestClient) -> int:
    return in_database(client, lambda session: session.scalar(select(func.count(AuthSession.id)))) or 0


def change_challenges(client: TestClient, **values: Any) -> None:
    in_database(client, lambda session: session.execute(update(LoginChallenge).values(**values)))


@pytest.mark.any_database
def test_password_alone_returns_only_a_challenge(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 118. In the API."""
    enable(as_ada)
    before = count_sessions(client)

    answered = client.post(LOGIN, json={"email": ada.email, "password": PASSWORD})

    assert answered.status_code == 200
    assert set(answered.json()) == {"token_type", "mfa_required", "challenge", "methods"}
    assert (answered.json()["mfa_required"], answered.json()["methods"]) == (True, ["totp"])
    assert count_sessions(client) == before
    assert with_token(client, answered.json()["challenge"]).get(ME).status_code == 401
    lifetime = in_database(client, lambda session: session.scalar(select(LoginChallenge.expires_at)))
    assert lifetime is not None
    assert lifetime - utc_now() <= timedelta(minutes=5)


@pytest.mark.any_database
def test_code_completes_the_login(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 118."""
    secret, _ = enable(as_ada)
    challenge = get_challenge(client, ada)
    before = event_names(client, ada)

    pair = submit_code(client, challenge, current_code(secret))

    assert pair.status_code == 200
    assert set(pair.json()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert with_token(client, pair.json()["access_token"]).get(ME).json()["email"] == ada.email
    assert event_names(client, ada) == [*before, "authn_login_success"]


@pytest.mark.any_database
def test_code_completes_the_login_of_a_browser(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """The refresh token is only in the cookie. Behaviours 118, 157."""
    secret, _ = enable(as_ada)
    browser = another_client(client, Origin="http://127.0.0.1:8000")
    step = browser.post("/api/v1/auth/cookie/login", json={"email": ada.email, "password": PASSWORD})
    answer = {"challenge": step.json()["challenge"], "code": current_code(secret)}
    assert not browser.cookies

    elsewhere = client.post("/api/v1/auth/cookie/second-factor", json=answer, headers={"Origin": "https://evil.test"})
    response = browser.post("/api/v1/auth/cookie/second-factor", json=answer)

    assert elsewhere.status_code == 403
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    assert [cookie.value.startswith("rt_") for cookie in browser.cookies.jar if cookie.value] == [True]
    assert browser.post("/api/v1/auth/cookie/refresh").status_code == 200


@pytest.mark.any_database
def test_wrong_password_gets_no_challenge(client: TestClient, as_ada: TestClient, ada: User) -> None:
    enable(as_ada)

    rejected = client.post(LOGIN, json={"email": ada.email, "password": "not the password at all"})

    assert rejected.status_code == 401
    assert in_database(client, lambda session: session.scalar(select(func.count(LoginChallenge.id)))) == 0


def test_code_works_once(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 119."""
    secret, _ = enable(as_ada)
    code = current_code(secret)
    assert submit_code(client, get_challenge(client, ada), code).status_code == 200

    again = submit_code(client, get_challenge(client, ada), code)

    assert problem_of(again)["type"] == "urn:problem:WrongCode"
    assert again.status_code == 401


@pytest.mark.any_database
def test_code_that_confirmed_the_setup_cannot_be_reused(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 119."""
    secret = as_ada.post("/api/v1/auth/totp").json()["secret"]
    code = current_code(secret)
    assert as_ada.post("/api/v1/auth/totp/confirm", json={"code": code}).status_code == 200

    assert submit_code(client, get_challenge(client, ada), code).status_code == 401


def test_concurrent_use_of_a_code_has_one_winner(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 119. Each request has its own challenge."""
    secret, _ = enable(as_ada)
    challenges = [get_challenge(client, ada) for _ in range(4)]
    code = current_code(secret)

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda challenge: submit_code(client, challenge, code).status_code, challenges))

    assert sorted(statuses) == [200, 401, 401, 401]


def test_challenge_works_once(client: TestClient, as_ada: TestClient, ada: User) -> None:
    secret, _ = enable(as_ada)
    challenge = get_challenge(client, ada)
    assert submit_code(client, challenge, current_code(secret)).status_code == 200
    allow_code_reuse(client)

    again = submit_code(client, challenge, current_code(secret))

    assert problem_of(again)["type"] == "urn:problem:InvalidChallenge"


@pytest.mark.any_database
def test_challenge_rejects_codes_of_other_users(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User, bob: User
) -> None:
    """Behaviour 121."""
    _, adas_codes = enable(as_ada)
    bobs_secret, bobs_codes = enable(as_bob)
    challenge = get_challenge(client, ada)

    for code in (current_code(bobs_secret), bobs_codes[0]):
        assert submit_code(client, challenge, code).status_code == 401

    assert submit_code(client, challenge, adas_codes[0]).status_code == 200
    assert submit_code(client, get_challenge(client, bob), bobs_codes[0]).status_code == 200


@pytest.mark.any_database
def test_five_wrong_codes_invalidate_the_challenge_and_lock_the_account(
    client: TestClient, as_ada: TestClient, ada: User
) -> None:
    """Behaviour 115."""
    secret, codes = enable(as_ada)
    challenge = get_challenge(client, ada)

    wrong = [problem_of(submit_code(client, challenge, wrong_code(secret)))["type"] for _ in range(5)]
    invalid = submit_code(client, challenge, current_code(secret))
    locked = [submit_code(client, get_challenge(client, ada), code) for code in (current_code(secret), codes[0])]

    assert wrong == ["urn:problem:WrongCode"] * 5
    assert problem_of(invalid)["type"] == "urn:problem:InvalidChallenge"
    for rejected in locked:
        assert problem_of(rejected)["type"] == "urn:problem:TooManyAttempts"
        assert rejected.status_code == 429
        assert 0 < int(rejected.headers["Retry-After"]) <= 15 * 60
    assert event_names(client, ada).count("authn_second_factor_fail") == 5
    assert event_names(client, ada).count("authn_login_lock") == 1
    assert [mail for mail in emails_to(client, ada.email) if "Too many incorrect codes" in mail] == emails_to(
        client, ada.email
    )[-1:]


@pytest.mark.any_database
def test_correct_code_resets_the_rate_limit(client: TestClient, as_ada: TestClient, ada: User) -> None:
    secret, codes = enable(as_ada)

    for code in codes[:2]:
        challenge = get_challenge(client, ada)
        for _ in range(4):
            assert submit_code(client, challenge, wrong_code(secret)).status_code == 401
        assert submit_code(client, challenge, code).status_code == 200


def test_concurrent_guesses_do_not_exceed_limit(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 115."""
    secret, _ = enable(as_ada)
    challenge, code = get_challenge(client, ada), wrong_code(secret)

    with ThreadPoolExecutor(8) as threads:
        kinds = list(threads.map(lambda _: problem_of(submit_code(client, challenge, code))["type"], range(8)))

    assert sorted(kinds) == ["urn:problem:InvalidChallenge"] * 3 + ["urn:problem:WrongCode"] * 5


@pytest.mark.any_database
@pytest.mark.parametrize("how", ["expired", "unknown", "password-changed", "disabled"])
def test_invalid_challenge_is_rejected(client: TestClient, as_ada: TestClient, ada: User, how: str) -> None:
    """Behaviour 118."""
    secret, _ = enable(as_ada)
    challenge = get_challenge(client, ada)
    if how == "expired":
        change_challenges(client, expires_at=utc_now() - timedelta(seconds=1))
    if how == "unknown":
        challenge = "x" * 43
    if how == "password-changed":
        in_database(client, lambda session: session.execute(update(User).values(password_changed_at=utc_now())))
    if how == "disabled":
        in_database(client, lambda session: session.execute(update(User).values(is_active=False)))

    rejected = submit_code(client, challenge, current_code(secret))

    assert problem_of(rejected)["type"] == "urn:problem:InvalidChallenge"
    assert rejected.status_code == 401


def test_recovery_code_works_once(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 120."""
    _, codes = enable(as_ada)

    assert submit_code(client, get_challenge(client, ada), codes[3]).status_code == 200
    again = submit_code(client, get_challenge(client, ada), codes[3])
    typed = submit_code(client, get_challenge(client, ada), codes[9].lower().replace("-", " "))

    assert problem_of(again)["type"] == "urn:problem:WrongCode"
    assert typed.status_code == 200
    assert as_ada.get(ANSWER).json() == {"enabled": True, "recovery_codes_left": 8}
    assert event_names(client, ada).count("authn_recovery_code_used") == 2
    emails = [mail for mail in emails_to(client, ada.email) if "A recovery code was used" in mail]
    assert ["You have 9" in emails[0], "You have 8" in emails[1]] == [True, True]


@pytest.mark.any_database
def test_recovery_code_with_another_number_is_rejected(client: TestClient, as_ada: TestClient, ada: User) -> None:
    _, codes = enable(as_ada)

    rejected = submit_code(client, get_challenge(client, ada), "2" + codes[0][1:])

    assert rejected.status_code == 401


def test_concurrent_use_of_a_recovery_code_has_one_winner(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 120."""
    _, codes = enable(as_ada)
    challenges = [get_challenge(client, ada) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda challenge: submit_code(client, challenge, codes[0]).status_code, challenges))

    assert sorted(statuses) == [200, 401, 401, 401]


def test_recovery_codes_are_stored_hashed(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 69."""
    _, codes = enable(as_ada)

    async def read(session: Any) -> list[str]:
        return list(await session.scalars(select(RecoveryCode.code_hash)))

    hashes = in_database(client, read)
    assert len(hashes) == 10
    assert all(stored.startswith("$argon2id$") for stored in hashes)
    assert not [code for code in codes for stored in hashes if code.replace("-", "")[1:] in stored]


@pytest.mark.any_database
def test_password_reset_does_not_bypass_the_second_factor(client: TestClient, as_ada: TestClient, ada: User) -> None:
    """Behaviour 99."""
    secret, _ = enable(as_ada)
    client.post("/api/v1/auth/password/forgot", json={"email": ada.email})
    token = latest_token(client, ada.email)
    new = "another horse, another staple"

    reset = client.post("/api/v1/auth/password/reset", json={"token": token, "password": new})

    assert reset.status_code == 204
    challenge = get_challenge(client, ada, new)
    assert submit_code(client, challenge, wrong_code(secret)).status_code == 401
    assert submit_code(client, challenge, current_code(secret)).status_code == 200


@pytest.mark.any_database
def test_user_without_second_factor_needs_no_code(client: TestClient, as_ada: TestClient, bob: User) -> None:
    enable(as_ada)

    assert "access_token" in log_in(client, bob.email)


@pytest.mark.any_database
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"challenge": "x", "code": ""}, id="no-code"),
        pytest.param({"challenge": "x", "code": "1" * 41}, id="long-code"),
        pytest.param({"challenge": "x" * 201, "code": "123456"}, id="long-challenge"),
        pytest.param({"challenge": "x", "code": 123456}, id="number"),
        pytest.param({"challenge": "x", "code": "12\x003456"}, id="nul"),
    ],
)
def test_malformed_request_is_rejected(client: TestClient, body: Any) -> None:
    assert client.post(ANSWER, json=body).status_code == 422
