"""Proving again who one is, before a dangerous change."""

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
    """Add a route that asks for a fresh proof."""
    router = APIRouter()

    @router.post(PATH)
    async def act(scope: RecentScope) -> str:
        return scope.email

    add_routes(router)


def let_time_pass(client: TestClient) -> None:
    """Make every sign-in look sixteen minutes old."""
    earlier = update(AuthSession).values(authenticated_at=utc_now() - timedelta(minutes=16))
    in_database(client, lambda session: session.execute(earlier))


def prove(caller: TestClient, password: str = PASSWORD) -> Any:
    return caller.post(REAUTH, json={"password": password})


def test_dangerous_route_asks_for_a_fresh_proof(client: TestClient, as_ada: TestClient) -> None:
    """Behaviour 124."""
    fresh = as_ada.post(PATH)
    let_time_pass(client)
    old = as_ada.post(PATH)

    assert (fresh.status_code, old.status_code) == (200, 401)
    assert problem_of(old)["type"] == "urn:problem:ReauthenticationRequired"
    challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert old.headers["WWW-Authenticate"] == challenge
    assert as_ada.get("/api/v1/users/me").status_code == 200


def test_right_password_lets_the_action_go_on(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviour 125. Over the API."""
    elsewhere = sign_in(client, ada)
    let_time_pass(client)

    answer = prove(as_ada)

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert with_token(client, answer.json()["access_token"]).post(PATH).status_code == 200
    assert elsewhere.post(PATH).status_code == 401, "proven here, not there"


def test_new_access_token_says_when_that_was(client: TestClient, as_ada: TestClient) -> None:
    let_time_pass(client)
    verify = client.app_state["authenticator"].tokens.verify

    claims = verify(prove(as_ada).json()["access_token"])

    assert utc_now().timestamp() - claims.authenticated_at < 60


def test_wrong_ones_count_as_failed_sign_ins(client: TestClient, ada: User, as_ada: TestClient) -> None:
    """Behaviour 125."""
    let_time_pass(client)

    answers = [prove(as_ada, "not it").status_code for _ in range(5)]

    assert answers == [401] * 5
    assert prove(as_ada).status_code == 429
    assert as_ada.post(PATH).status_code == 401
    assert client.post(LOGIN, json={"email": ada.email, "password": PASSWORD}).status_code == 429
    names = list(in_database(client, lambda session: session.scalars(select(AuthEvent.name).order_by(AuthEvent.id))))
    assert names[1:] == ["authn_login_fail"] * 5 + ["authn_login_lock"] * 2


def test_stranger_who_guesses_does_not_keep_the_owner_from_proving(
    client: TestClient, ada: User, as_ada: TestClient
) -> None:
    for _ in range(6):
        client.post(LOGIN, json={"email": ada.email, "password": "not it"})
    let_time_pass(client)

    assert prove(as_ada).status_code == 200
    assert as_ada.post(PATH).status_code == 200


def test_nobody_proves_anything_without_a_session(client: TestClient, ada: User) -> None:
    assert prove(client).status_code == 401
    assert in_database(client, lambda session: session.scalar(select(AuthEvent.id))) is None
    assert ada.email
