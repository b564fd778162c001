"""Re-authentication before sensitive actions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.api.dependencies import RecentScope
from app.accounts.models import AuthEvent, AuthSession, User
from app.database.base import utc_now
from tests.support import PASSWORD, in_database, problem_of, sign_in, with_token

pytestmark = pytest.mark.any_database

PATH = "/api/v1/dangerous"
REAUTH = "/api/v1/auth/reauth"
LOGIN = "/api/v1/auth/login"


@pytest.fixture(autouse=True)
def route(add_routes: Callable[[APIRouter], None]) -> None:
    """Add a route that requires recent authentication."""
    router = APIRouter()

    @router.post(PATH)
    async def act(scope: RecentScope) -> str:
        return scope.email

    add_routes(router)


def let_time_pass(client: TestClient) -> None:
    """Make every sign-in look sixteen minutes old."""
    earlier = update(AuthSession).values(authenticated_at=utc_now() - timedelta(minutes=16))
    in_database(client, lambda session: session.execute(earlier))


def reauthenticate(caller: TestClient, password: str = PASSWORD) -> Any:
    return caller.post(REAUTH, json={"password": password})


def test_sensitive_route_requires_recent_authentication(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 124."""
    fresh = as_ada.post(PATH)
    let_time_pass(client)
    old = as_ada.post(PATH)

    assert (fresh.status_code, old.status_code) == (200, 401)
    assert problem_of(old)["type"] == "urn:problem:ReauthenticationRequired"
    challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert old.headers["WWW-Authenticate"] == challenge
    assert as_ada.get("/api/v1/users/me").status_code == 200


def test_correct_password_allows_the_action(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviour 125. Over the API."""
    elsewhere = sign_in(client, ada)
    let_time_pass(client)

    response = reauthenticate(as_ada)

    assert response.status_code == 200
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    assert with_token(client, response.json()["access_token"]).post(PATH).status_code == 200
    assert elsewhere.post(PATH).status_code == 401, "other sessions must re-authenticate themselves"


def test_new_access_token_has_the_new_authentication_time(client: TestClient, as_ada: TestClient) -> None:
    let_time_pass(client)
    verify = client.app_state["authenticator"].tokens.verify

    claims = verify(reauthenticate(as_ada).json()["access_token"])

    assert utc_now().timestamp() - claims.authenticated_at < 60


def test_failures_count_as_failed_sign_ins(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviour 125."""
    let_time_pass(client)

    responses = [reauthenticate(as_ada, "not it").status_code for _ in range(5)]

    assert responses == [401] * 5
    assert reauthenticate(as_ada).status_code == 429
    assert as_ada.post(PATH).status_code == 401
    assert client.post(LOGIN, json={"email": ada.email, "password": PASSWORD}).status_code == 429
    names = list(in_database(client, lambda session: session.scalars(select(AuthEvent.name).order_by(AuthEvent.id))))
    assert names[1:] == ["authn_login_fail"] * 5 + ["authn_login_lock"] * 2


def test_guessing_does_not_block_reauthentication(client: TestClient, ada: User, as_ada: TestClient) -> None:
    for _ in range(6):
        client.post(LOGIN, json={"email": ada.email, "password": "not it"})
    let_time_pass(client)

    assert reauthenticate(as_ada).status_code == 200
    assert as_ada.post(PATH).status_code == 200


def test_reauthentication_requires_a_session(client: TestClient, ada: User) -> None:
    assert reauthenticate(client).status_code == 401
    assert in_database(client, lambda session: session.scalar(select(AuthEvent.id))) is None
    assert ada.email
