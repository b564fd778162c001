"""Refresh tokens over HTTP: single use, a grace period for retries, and reuse detection."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, AuthSession, RefreshToken, User
from app.database.base import utc_now
from tests.support import add_user, emails_to, in_database, log_in, problem_of

REFRESH = "/api/v1/auth/token/refresh"
ME = "/api/v1/users/me"

StartApp = Callable[..., TestClient]


def refresh(client: TestClient, token: str) -> Any:
    return client.post(REFRESH, json={"refresh_token": token})


def next_token(client: TestClient, token: str) -> str:
    """Refresh and return the new refresh token."""
    response = refresh(client, token)
    assert response.status_code == 200, response.text
    child: str = response.json()["refresh_token"]
    return child


def me(client: TestClient, access_token: str) -> int:
    return client.get(ME, headers={"Authorization": f"Bearer {access_token}"}).status_code


def let_grace_pass(client: TestClient) -> None:
    """Make every refresh look eleven seconds old."""
    earlier = utc_now() - timedelta(seconds=11)
    used = update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(used_at=earlier)
    in_database(client, lambda session: session.execute(used))


def reasons(client: TestClient) -> list[str | None]:
    """List the reasons why sessions ended, oldest session first."""
    query = select(AuthSession.revoked_reason).order_by(AuthSession.id)
    return list(in_database(client, lambda session: session.scalars(query)))


@pytest.fixture
def pair(client: TestClient, ada: User) -> dict[str, Any]:
    tokens: dict[str, Any] = log_in(client, ada.email)
    return tokens


@pytest.mark.any_database
def test_refresh_gives_a_new_pair(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 60."""
    response = refresh(client, pair["refresh_token"])

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    new = response.json()
    assert new.keys() == pair.keys()
    assert new["refresh_token"] != pair["refresh_token"]
    assert me(client, new["access_token"]) == me(client, pair["access_token"]) == 200


def test_each_new_token_can_be_refreshed(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 60."""
    seen = [pair["refresh_token"]]
    for _ in range(5):
        seen.append(next_token(client, seen[-1]))

    assert len(set(seen)) == 6


def test_repeated_refresh_gets_the_same_token(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 63."""
    first = next_token(client, pair["refresh_token"])
    repeated = next_token(client, pair["refresh_token"])

    assert repeated == first
    assert in_database(client, lambda session: session.scalar(select(func.count(RefreshToken.id)))) == 2
    assert next_token(client, first)


def test_concurrent_refreshes_get_the_same_token(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 62."""
    with ThreadPoolExecutor(20) as threads:
        responses = list(threads.map(lambda _: refresh(client, pair["refresh_token"]), range(20)))

    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert in_database(client, lambda session: session.scalar(select(func.count(RefreshToken.id)))) == 2


def test_reuse_after_the_grace_period_ends_the_session(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 61."""
    child = refresh(client, pair["refresh_token"]).json()
    let_grace_pass(client)

    stolen = refresh(client, pair["refresh_token"])

    assert problem_of(stolen)["type"] == "urn:problem:InvalidRefreshToken"
    assert stolen.status_code == 401
    assert refresh(client, child["refresh_token"]).status_code == 401
    assert [me(client, token) for token in (pair["access_token"], child["access_token"])] == [401, 401]
    assert reasons(client) == ["refresh_reuse"]


def test_reuse_of_an_older_token_ends_the_session_within_the_grace_period(
    client: TestClient, pair: dict[str, Any]
) -> None:
    """Behaviour 64."""
    child = next_token(client, pair["refresh_token"])
    grandchild = next_token(client, child)

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert refresh(client, grandchild).status_code == 401
    assert reasons(client) == ["refresh_reuse"]


@pytest.mark.any_database
def test_without_grace_period_any_reuse_ends_the_session(start_app: StartApp) -> None:
    """Behaviour 61."""
    client = start_app(auth={"refresh_grace": 0})
    pair = log_in(client, add_user(client, "ada@example.com").email)
    child = next_token(client, pair["refresh_token"])

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert refresh(client, child).status_code == 401


@pytest.mark.any_database
def test_other_sessions_survive_token_reuse(client: TestClient, ada: User, pair: dict[str, Any]) -> None:
    other = log_in(client, ada.email)
    next_token(client, pair["refresh_token"])
    let_grace_pass(client)

    refresh(client, pair["refresh_token"])

    assert reasons(client) == ["refresh_reuse", None]
    assert me(client, other["access_token"]) == 200
    assert next_token(client, other["refresh_token"])


@pytest.mark.any_database
def test_token_reuse_is_recorded_and_owner_notified_once(client: TestClient, ada: User, pair: dict[str, Any]) -> None:
    """Behaviours 70, 150."""
    child = next_token(client, pair["refresh_token"])
    let_grace_pass(client)

    for token in (pair["refresh_token"], pair["refresh_token"], child):
        assert refresh(client, token).status_code == 401

    query = select(AuthEvent).where(AuthEvent.name == "authn_token_reuse")
    (event,) = in_database(client, lambda session: session.scalars(query))
    (mail,) = emails_to(client, ada.email)
    assert (event.user_id, event.ip) == (ada.id, "testclient")
    assert "We ended one of your" in mail
    assert pair["refresh_token"] not in mail


@pytest.mark.any_database
def test_unknown_token_ends_nothing(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 68."""
    token = pair["refresh_token"]
    unknown = ["", "rt_", "rt_" + "A" * 43, token[:-1], token + "A", token.swapcase(), token[3:], "ü", "\x00"]

    responses = [refresh(client, made_up) for made_up in unknown * 11]

    assert {response.status_code for response in responses} <= {401, 422}
    assert reasons(client) == [None]
    assert next_token(client, token)


@pytest.mark.any_database
@pytest.mark.parametrize("value", [None, 7, [], {}, "x" * 201])
def test_malformed_token_is_rejected(client: TestClient, value: Any) -> None:
    assert client.post(REFRESH, json={"refresh_token": value}).status_code == 422


def test_lone_surrogate_is_rejected(client: TestClient) -> None:
    """Behaviour 38."""
    response = client.post(
        REFRESH, content='{"refresh_token": "rt_\\ud800"}', headers={"Content-Type": "application/json"}
    )

    assert response.status_code in {401, 422}


@pytest.mark.any_database
def test_access_and_refresh_tokens_are_not_interchangeable(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 67."""
    assert refresh(client, pair["access_token"]).status_code in {401, 422}
    assert me(client, pair["refresh_token"]) == 401
    assert reasons(client) == [None]


@pytest.mark.any_database
@pytest.mark.parametrize("field", ["idle_expires_at", "expires_at"])
def test_ended_session_is_not_refreshed(client: TestClient, pair: dict[str, Any], field: str) -> None:
    """Behaviour 66."""
    over = update(AuthSession).values({field: utc_now() - timedelta(seconds=1)})
    in_database(client, lambda session: session.execute(over))

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert me(client, pair["access_token"]) == 401


@pytest.mark.any_database
def test_expired_token_is_rejected(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviour 66."""
    over = update(RefreshToken).values(expires_at=utc_now() - timedelta(seconds=1))
    in_database(client, lambda session: session.execute(over))

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert reasons(client) == [None]


def test_refreshing_extends_the_idle_lifetime_but_not_the_absolute_one(
    client: TestClient, pair: dict[str, Any]
) -> None:
    """Near the absolute expiry, a new token expires with its session. Behaviour 66."""
    soon = utc_now() + timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(expires_at=soon)))

    next_token(client, pair["refresh_token"])

    token = in_database(
        client, lambda session: session.scalar(select(RefreshToken).where(RefreshToken.parent_id.is_not(None)))
    )
    session = in_database(client, lambda session: session.scalar(select(AuthSession)))
    assert token is not None
    assert session is not None
    assert token.expires_at == session.expires_at == soon
    assert session.idle_expires_at > utc_now() + timedelta(days=13)


@pytest.mark.any_database
def test_disabled_user_gets_no_new_pair(client: TestClient, pair: dict[str, Any]) -> None:
    """Behaviours 54, 65."""
    in_database(client, lambda session: session.execute(update(User).values(is_active=False)))

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert me(client, pair["access_token"]) == 401


@pytest.mark.any_database
def test_deleted_user_gets_no_new_pair(client: TestClient, ada: User, pair: dict[str, Any]) -> None:
    """Behaviours 54, 65."""
    in_database(client, lambda session: session.delete(ada))

    assert refresh(client, pair["refresh_token"]).status_code == 401
    assert in_database(client, lambda session: session.scalar(select(func.count(RefreshToken.id)))) == 0


@pytest.mark.any_database
def test_sessions_survive_a_new_secret_key_while_the_previous_one_is_listed(start_app: StartApp) -> None:
    """Behaviour 152."""
    old_key, new_key = "the old secret key: " + "o" * 20, "the new secret key: " + "n" * 20
    before = start_app(secret_key=old_key)
    user = add_user(before, "ada@example.com")
    used, unused = log_in(before, user.email), log_in(before, user.email)
    child = next_token(before, used["refresh_token"])

    rotated = start_app(secret_key=new_key, secret_key_fallbacks=old_key)

    assert next_token(rotated, used["refresh_token"]) == child, "a retry after the key change"
    grandchild = next_token(rotated, child)
    assert next_token(rotated, unused["refresh_token"])
    after = start_app(secret_key=new_key)
    assert next_token(after, grandchild), "issued under the new key"
    assert refresh(after, unused["refresh_token"]).status_code == 401


@pytest.mark.any_database
def test_reuse_is_detected_after_a_new_secret_key(start_app: StartApp) -> None:
    """Behaviours 61, 152."""
    old_key, new_key = "the old secret key: " + "o" * 20, "the new secret key: " + "n" * 20
    before = start_app(secret_key=old_key)
    pair = log_in(before, add_user(before, "ada@example.com").email)
    child = next_token(before, pair["refresh_token"])
    let_grace_pass(before)

    rotated = start_app(secret_key=new_key, secret_key_fallbacks=old_key)

    assert refresh(rotated, pair["refresh_token"]).status_code == 401
    assert refresh(rotated, child).status_code == 401
    assert reasons(rotated) == ["refresh_reuse"]


@pytest.mark.any_database
def test_access_token_expires_and_refresh_returns_a_new_one(
    start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start_app(auth={"access_token_ttl": 1})
    pair = log_in(client, add_user(client, "ada@example.com").email)
    assert pair["expires_in"] == 1

    end = time.time() + 1
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: end)
        response = client.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"})

    assert problem_of(response)["type"] == "urn:problem:ExpiredToken"
    assert refresh(client, pair["refresh_token"]).status_code == 200
