"""Sessions: sign-out, the list of sessions, and what ends a session immediately."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, User
from tests.support import add_user, in_database, log_in, sign_in, with_token

LOGOUT = "/api/v1/auth/logout"
LOGOUT_ALL = "/api/v1/auth/logout-all"
REFRESH = "/api/v1/auth/token/refresh"
SESSIONS = "/api/v1/auth/sessions"
ME = "/api/v1/users/me"


def refresh(client: TestClient, pair: dict[str, Any]) -> int:
    return client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).status_code


def ids(caller: TestClient) -> list[str]:
    """List the caller's sessions, newest first."""
    return [session["id"] for session in caller.get(SESSIONS).json()]


@pytest.mark.any_database
def test_logout_ends_the_session_immediately(client: TestClient, ada: User) -> None:
    """Behaviours 53, 65."""
    pair = log_in(client, ada.email)
    caller = with_token(client, pair["access_token"])

    response = caller.post(LOGOUT)

    assert (response.status_code, response.content) == (204, b"")
    assert caller.get(ME).status_code == 401
    assert refresh(client, pair) == 401
    assert caller.post(LOGOUT).status_code == 401


@pytest.mark.any_database
def test_logout_keeps_other_sessions(client: TestClient, ada: User, as_bob: TestClient) -> None:
    here, elsewhere = sign_in(client, ada), sign_in(client, ada)

    here.post(LOGOUT)

    assert elsewhere.get(ME).status_code == 200
    assert as_bob.get(ME).status_code == 200


@pytest.mark.any_database
def test_logout_requires_a_session(client: TestClient) -> None:
    assert client.post(LOGOUT).status_code == 401


@pytest.mark.any_database
def test_tokens_of_a_deleted_user_are_rejected(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviour 54."""
    in_database(client, lambda session: session.delete(ada))

    assert as_ada.get(ME).status_code == 401


def test_list_contains_own_sessions_and_no_secrets(client: TestClient, ada: User, as_bob: TestClient) -> None:
    """Behaviour 75."""
    _, here, _ = [sign_in(client, ada) for _ in range(3)]

    listed = here.get(SESSIONS).json()

    assert [(session["kind"], session["current"]) for session in listed] == [
        ("api", False),
        ("api", True),
        ("api", False),
    ]
    fields = {"id", "kind", "current", "impersonated", "created_at", "last_seen_at", "expires_at", "ip", "user_agent"}
    assert all(session.keys() == fields for session in listed)
    assert (listed[0]["ip"], listed[0]["user_agent"]) == ("127.0.0.1", "tests")
    assert len(ids(as_bob)) == 1


@pytest.mark.any_database
def test_one_session_is_ended_and_the_others_stay_active(client: TestClient, ada: User) -> None:
    """Behaviour 76."""
    pair, other, here = log_in(client, ada.email), sign_in(client, ada), sign_in(client, ada)
    oldest = ids(here)[-1]

    response = here.delete(f"{SESSIONS}/{oldest}")

    assert response.status_code == 204
    assert with_token(client, pair["access_token"]).get(ME).status_code == 401
    assert refresh(client, pair) == 401
    assert [caller.get(ME).status_code for caller in (other, here)] == [200, 200]
    assert len(ids(here)) == 2


@pytest.mark.any_database
def test_session_of_another_user_is_not_found(as_ada: TestClient, as_bob: TestClient) -> None:
    """Behaviours 77, 130."""
    (his,) = ids(as_bob)

    for session_id in (his, uuid4()):
        assert as_ada.delete(f"{SESSIONS}/{session_id}").status_code == 404
    assert as_ada.delete(f"{SESSIONS}/nonsense").status_code == 422
    assert as_bob.get(ME).status_code == 200


@pytest.mark.any_database
def test_ended_session_is_not_found(client: TestClient, ada: User, as_ada: TestClient) -> None:
    ended = sign_in(client, ada)
    newest = ids(as_ada)[0]
    ended.post(LOGOUT)

    assert as_ada.delete(f"{SESSIONS}/{newest}").status_code == 404


@pytest.mark.any_database
def test_all_others_are_ended(client: TestClient, ada: User, as_bob: TestClient) -> None:
    first, second, here = [sign_in(client, ada) for _ in range(3)]

    assert here.delete(SESSIONS).status_code == 204

    assert [caller.get(ME).status_code for caller in (first, second, here, as_bob)] == [401, 401, 200, 200]


@pytest.mark.any_database
def test_logout_all_ends_all_sessions(client: TestClient, ada: User, as_bob: TestClient) -> None:
    """Behaviour 78."""
    pair, other, here = log_in(client, ada.email), sign_in(client, ada), sign_in(client, ada)

    assert here.post(LOGOUT_ALL).status_code == 204

    assert [caller.get(ME).status_code for caller in (other, here)] == [401, 401]
    assert refresh(client, pair) == 401
    assert as_bob.get(ME).status_code == 200


def test_session_over_the_limit_ends_the_oldest(start_app: Callable[..., TestClient]) -> None:
    """Behaviour 83."""
    client = start_app(auth={"max_sessions": 2})
    ada, bob = add_user(client, "ada@example.com"), add_user(client, "bob@example.com")
    bobs = sign_in(client, bob)
    callers = [sign_in(client, ada) for _ in range(3)]

    assert [caller.get(ME).status_code for caller in (*callers, bobs)] == [401, 200, 200, 200]

    async def reasons(session: AsyncSession) -> list[str | None]:
        return list(await session.scalars(select(AuthSession.revoked_reason).order_by(AuthSession.id)))

    assert in_database(client, reasons) == [None, "too many", None, None]


def test_concurrent_sign_ins_respect_the_session_limit(start_app: Callable[..., TestClient]) -> None:
    """Behaviour 83."""
    client = start_app(auth={"max_sessions": 2})
    ada = add_user(client, "ada@example.com")

    with ThreadPoolExecutor(8) as threads:
        callers = list(threads.map(lambda _: sign_in(client, ada), range(8)))

    assert sorted(caller.get(ME).status_code for caller in callers) == [200] * 2 + [401] * 6


@pytest.mark.any_database
@pytest.mark.parametrize("way", [SESSIONS, LOGOUT_ALL])
def test_ended_session_keeps_its_reason(client: TestClient, ada: User, way: str) -> None:
    ended, here = sign_in(client, ada), sign_in(client, ada)
    ended.post(LOGOUT)

    here.request("DELETE" if way == SESSIONS else "POST", way)

    oldest = select(AuthSession.revoked_reason).order_by(AuthSession.id).limit(1)
    assert in_database(client, lambda session: session.scalar(oldest)) == "logout"


@pytest.mark.any_database
def test_disabled_user_is_signed_out_immediately(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 54."""
    in_database(client, lambda session: session.execute(update(User).values(is_active=False)))

    assert as_ada.get(ME).status_code == 401
