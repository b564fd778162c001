"""Sign-in with email and password; errors don't reveal which was wrong."""

import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from passlib.context import CryptContext
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.credentials.passwords import PasswordHasher
from app.accounts.models import AuthSession, User
from tests.support import PASSWORD, add_user, emails_to, in_database, log_in, problem_of

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"
LONG = "A password may be a whole sentence, and a sentence as long as those who choose it like; " * 12


def try_login(client: TestClient, email: Any, password: Any = PASSWORD, **headers: str) -> Any:
    return client.post(LOGIN, json={"email": email, "password": password}, headers=headers)


def set_fields(client: TestClient, user: User, **fields: Any) -> None:
    """Change a user's row directly in the database."""
    in_database(client, lambda session: session.execute(update(User).where(User.id == user.id).values(**fields)))


def stored_hash(client: TestClient, user: User) -> str | None:
    return in_database(client, lambda session: session.scalar(select(User.password_hash).where(User.id == user.id)))


def cheap_hash() -> str:
    """Hash the password with less memory than configured."""
    return CryptContext(["argon2"], argon2__memory_cost=8, argon2__time_cost=1, argon2__parallelism=1).hash(PASSWORD)


def test_correct_password_returns_tokens(client: TestClient, ada: User) -> None:
    """Behaviour 26."""
    response = try_login(client, ada.email)

    assert response.status_code == 200
    pair = response.json()
    assert pair.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 600)
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    me = client.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json()["email"] == ada.email


@pytest.mark.any_database
@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("spelling", ["Ada@Example.com", " ada@EXAMPLE.COM ", "\uff41da@example.com"])
def test_spellings_of_an_address_are_one_account(client: TestClient, spelling: str) -> None:
    """Behaviour 4."""
    assert try_login(client, spelling).status_code == 200


@pytest.mark.any_database
def test_every_failure_gets_the_same_response(client: TestClient, ada: User, bob: User) -> None:
    """Behaviour 27."""
    passwordless = add_user(client, "carol@example.com")
    set_fields(client, bob, is_active=False)
    set_fields(client, passwordless, password_hash=None)
    tries = [
        (ada.email, PASSWORD + "!"),
        ("nobody@example.com", PASSWORD),
        (bob.email, PASSWORD),
        (passwordless.email, PASSWORD),
        (ada.email, ""),
        (ada.email, "x" * 2000),
    ]

    responses = [try_login(client, email, password, **{"X-Request-ID": "the-same-id"}) for email, password in tries]

    assert {response.status_code for response in responses} == {401}
    assert len({response.content for response in responses}) == 1
    assert len({tuple(sorted(response.headers.items())) for response in responses}) == 1
    assert problem_of(responses[0])["type"] == "urn:problem:InvalidCredentials"


@pytest.mark.any_database
def test_unreadable_hash_counts_as_wrong_password(client: TestClient, ada: User) -> None:
    set_fields(client, ada, password_hash="not a hash")

    assert try_login(client, ada.email).status_code == 401


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("no-at-sign", PASSWORD, id="no-at"),
        pytest.param("a b@example.com", PASSWORD, id="space"),
        pytest.param("a\x00@example.com", PASSWORD, id="nul"),
        pytest.param("a" * 320 + "@example.com", PASSWORD, id="long-address"),
        pytest.param(7, PASSWORD, id="number-as-address"),
        pytest.param(["ada@example.com"], PASSWORD, id="list-as-address"),
        pytest.param(None, PASSWORD, id="null-address"),
        pytest.param("ada@example.com", None, id="null-password"),
        pytest.param("ada@example.com", 7, id="number-as-password"),
        pytest.param("ada@example.com", {"$ne": ""}, id="object-as-password"),
        pytest.param("ada@example.com", "x" * 100_000, id="huge-password"),
    ],
)
def test_malformed_request_is_rejected(client: TestClient, email: Any, password: Any) -> None:
    """Behaviours 5, 38."""
    assert try_login(client, email, password).status_code == 422


@pytest.mark.any_database
@pytest.mark.parametrize("field", ["email", "password"])
def test_lone_surrogate_is_rejected(client: TestClient, ada: User, field: str) -> None:
    """JSON can contain lone surrogates, which can't be stored. Behaviours 5, 38."""
    values = {"email": ada.email, "password": PASSWORD, field: "\\ud800@example.com"}
    body = f'{{"email": "{values["email"]}", "password": "{values["password"]}"}}'

    response = client.post(LOGIN, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code in {401, 422}


@pytest.mark.any_database
def test_unknown_field_is_rejected(client: TestClient, ada: User) -> None:
    response = client.post(LOGIN, json={"email": ada.email, "password": PASSWORD, "is_admin": True})

    assert response.status_code == 422


@pytest.mark.any_database
def test_outdated_hash_is_replaced(start_app: Callable[..., TestClient]) -> None:
    """Behaviour 29."""
    client = start_app(auth={"argon2_memory_kib": 16})
    ada = add_user(client, "ada@example.com")
    set_fields(client, ada, password_hash=cheap_hash())

    log_in(client, ada.email)

    stored = stored_hash(client, ada)
    assert stored is not None
    assert "m=16," in stored
    log_in(client, ada.email)
    assert stored_hash(client, ada) == stored


@pytest.mark.any_database
def test_wrong_password_does_not_replace_the_hash(start_app: Callable[..., TestClient]) -> None:
    client = start_app(auth={"argon2_memory_kib": 16})
    ada = add_user(client, "ada@example.com")
    old = cheap_hash()
    set_fields(client, ada, password_hash=old)

    try_login(client, ada.email, "wrong")

    assert stored_hash(client, ada) == old


@pytest.mark.any_database
@pytest.mark.parametrize(
    "password",
    [
        pytest.param("lower case only words", id="lower-case"),
        pytest.param("  spaces   all  around ", id="spaces"),
        pytest.param("🔑🐢🌋🎈 im Passwort", id="emoji"),
        pytest.param("nul\x00inside it", id="nul"),
        pytest.param(LONG[:64], id="64-characters"),
        pytest.param(LONG[:128], id="128-characters"),
        pytest.param(LONG[:1024], id="1024-bytes"),
    ],
)
def test_any_long_enough_password_works(client: TestClient, password: str) -> None:
    """Behaviours 16, 17, 19."""
    add_user(client, "carol@example.com", password=password)

    assert try_login(client, "carol@example.com", password).status_code == 200
    assert try_login(client, "carol@example.com", password[:-1] + "?").status_code == 401
    assert try_login(client, "carol@example.com", password[:-1]).status_code == 401


@pytest.mark.any_database
def test_password_is_the_same_in_each_unicode_form(client: TestClient) -> None:
    """Behaviour 20."""
    password = "Grüße aus Århus"
    add_user(client, "carol@example.com", password=unicodedata.normalize("NFC", password))

    assert try_login(client, "carol@example.com", unicodedata.normalize("NFD", password)).status_code == 200


@pytest.mark.any_database
def test_sign_in_is_recorded(client: TestClient, ada: User) -> None:
    before = in_database(client, lambda session: session.get_one(User, ada.id))

    client.post(LOGIN, json={"email": ada.email, "password": PASSWORD}, headers={"User-Agent": "Browser " + "x" * 300})

    after = in_database(client, lambda session: session.get_one(User, ada.id))
    opened = in_database(client, lambda session: session.scalar(select(AuthSession)))
    assert before.last_login_at is None
    assert after.last_login_at is not None
    assert opened is not None
    assert (opened.kind, opened.ip_first, opened.user_agent) == ("api", "testclient", ("Browser " + "x" * 300)[:255])


@pytest.mark.any_database
def test_database_contains_no_usable_secret(client: TestClient, ada: User) -> None:
    """Behaviour 69."""
    pair = log_in(client, ada.email)

    async def dump(session: AsyncSession) -> str:
        tables = ("users", "auth_sessions", "refresh_tokens")
        connection = await session.connection()
        rows = [(await connection.exec_driver_sql(f"SELECT * FROM {table}")).all() for table in tables]  # noqa: S608
        return repr(rows)

    dumped = in_database(client, dump)
    assert "argon2id" in dumped
    for secret in (PASSWORD, pair["refresh_token"], pair["refresh_token"].removeprefix("rt_"), pair["access_token"]):
        assert secret not in dumped


@pytest.mark.any_database
def test_no_secret_is_logged(client: TestClient, ada: User, caplog: pytest.LogCaptureFixture) -> None:
    """Behaviour 25."""
    caplog.set_level("DEBUG")

    pair = log_in(client, ada.email)
    try_login(client, ada.email, "a wrong password")
    client.post("/api/v1/auth/token/refresh", json={"refresh_token": pair["refresh_token"]})
    client.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"})

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("app"))
    assert "POST /api/v1/auth/login 200" in ours
    for secret in (PASSWORD, "a wrong password", pair["refresh_token"], pair["access_token"]):
        assert secret not in ours


@pytest.mark.any_database
def test_unverified_user_cannot_sign_in(client: TestClient, ada: User) -> None:
    """Behaviour 1. Responses of the sign-in."""
    set_fields(client, ada, email_verified_at=None)

    right, wrong = try_login(client, ada.email), try_login(client, ada.email, "wrong")

    assert (right.status_code, wrong.status_code) == (403, 401)
    assert problem_of(right)["type"] == "urn:problem:EmailNotVerified"
    assert problem_of(wrong)["type"] == "urn:problem:InvalidCredentials"


@pytest.mark.any_database
def test_failures_take_a_minimum_time(start_app: Callable[..., TestClient]) -> None:
    """All failures take the same time. Behaviours 28, 30."""
    client = start_app(auth={"login_min_response_time": 0.1, "argon2_memory_kib": 4096})
    ada, bob = add_user(client, "ada@example.com"), add_user(client, "bob@example.com")
    set_fields(client, bob, password_hash=cheap_hash())

    for email in (ada.email, "nobody@example.com", bob.email):
        started = time.perf_counter()
        assert try_login(client, email, "wrong").status_code == 401
        assert time.perf_counter() - started >= 0.1


@pytest.mark.any_database
def test_sign_in_from_a_new_device_is_notified(client: TestClient, ada: User) -> None:
    """Behaviour 37."""
    agents = ["First/1", "First/1", "<b>Second</b>/2", "<b>Second</b>/2", "First/1"]

    for agent in agents:
        assert try_login(client, ada.email, **{"User-Agent": agent}).status_code == 200

    (mail,) = emails_to(client, ada.email)
    assert mail.startswith("Subject: New sign-in to ")
    assert "<b>Second</b>/2" in mail
    assert "testclient" in mail


def test_attempt_is_counted_despite_an_internal_error(
    start_app: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour 148."""
    client = start_app(auth={"login_attempts": 2})
    ada = add_user(client, "ada@example.com")

    async def fail(*_: object) -> None:
        message = f"a bug that knows {PASSWORD}"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", fail)
        responses = [try_login(client, ada.email) for _ in range(2)]

    assert [response.status_code for response in responses] == [500, 500]
    assert problem_of(responses[0]).keys() == {"type", "title", "status", "instance", "request_id"}
    assert PASSWORD not in responses[0].text
    assert try_login(client, ada.email).status_code == 429
