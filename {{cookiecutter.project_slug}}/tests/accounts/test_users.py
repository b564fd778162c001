"""The caller's account, and creating users."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts import users
from app.accounts.models import User, UserRole
from app.accounts.scope import Scope
from app.accounts.users import EmailTaken, users_for
from app.database.base import utc_now
from app.errors import InvalidRequest
from tests.accounts.email_links import request_reset, reset, try_login
from tests.support import PASSWORD, in_database, new_user_id

ME = "/api/v1/users/me"


@pytest.mark.any_database
def test_account_is_the_callers_own(as_ada: TestClient, as_bob: TestClient) -> None:
    ada, bob = as_ada.get(ME).json(), as_bob.get(ME).json()

    assert (ada["email"], bob["email"]) == ("ada@example.com", "bob@example.com")
    assert ada["id"] != bob["id"]


@pytest.mark.any_database
@pytest.mark.parametrize("name", ["a\u202eb", "a\u200bb", "two\nlines"])
def test_name_is_one_line_of_visible_characters(client: TestClient, as_ada: TestClient, name: str) -> None:
    """Behaviour 156."""
    sign_up = {"email": "carol@example.com", "password": PASSWORD, "display_name": name}

    responses = [as_ada.patch(ME, json={"display_name": name}), client.post("/api/v1/auth/register", json=sign_up)]

    assert [response.status_code for response in responses] == [422, 422]
    assert {response.json()["errors"][0]["loc"][-1] for response in responses} == {"display_name"}


def test_signed_in_callers_see_active_verified_users(client: TestClient, ada: User) -> None:
    new_user_id(client, is_active=False)
    new_user_id(client, email_verified_at=None)
    other = UUID(new_user_id(client))
    scope = Scope(ada.id, other, "", frozenset(), frozenset(), utc_now())

    async def visible_to(session: AsyncSession) -> list[list[UUID]]:
        return [[user.id for user in await session.scalars(users_for(caller))] for caller in (scope, None)]

    signed_in, anonymous = in_database(client, visible_to)

    assert (sorted(signed_in), anonymous) == ([ada.id, other], [])


@pytest.mark.any_database
def test_account_contains_no_secret(as_ada: TestClient) -> None:
    account = as_ada.get(ME)

    assert account.json().keys() >= {"id", "version", "email", "email_verified_at", "display_name", "last_login_at"}
    assert not account.json().keys() & {"email_key", "password_hash", "password_changed_at", "is_active", "roles"}
    assert "argon2" not in account.text


@pytest.mark.any_database
def test_name_can_be_changed(as_ada: TestClient, as_bob: TestClient) -> None:
    changed = as_ada.patch(ME, json={"display_name": "  Ada Lovelace "})

    assert changed.status_code == 200
    assert changed.json()["display_name"] == "Ada Lovelace"
    assert as_ada.get(ME).json() == changed.json()
    assert as_bob.get(ME).json()["display_name"] == ""


@pytest.mark.any_database
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"display_name": None}, id="null"),
        pytest.param({"display_name": "x" * 121}, id="long"),
        pytest.param({"display_name": "a\x00b"}, id="nul"),
        pytest.param({"email": "eve@example.com"}, id="address"),
        pytest.param({"email_verified_at": "2026-01-01T00:00:00Z"}, id="proof-of-address"),
        pytest.param({"is_active": True}, id="state"),
        pytest.param({"roles": ["admin"]}, id="roles"),
        pytest.param({"password_hash": "x"}, id="hash"),
        pytest.param({"id": "0196f5a0-0000-7000-8000-000000000001"}, id="id"),
        pytest.param([], id="not-an-object"),
    ],
)
def test_invalid_change_is_rejected(as_ada: TestClient, change: Any) -> None:
    """Behaviour 11."""
    before = as_ada.get(ME).json()

    assert as_ada.patch(ME, json=change).status_code == 422
    assert as_ada.get(ME).json() == before


def create_user(client: TestClient, email: str, password: str = PASSWORD) -> User:
    """Create a user as the command line and the admin do."""
    authenticator = client.app_state["authenticator"]
    return in_database(
        client, lambda session: users.create_user(session, authenticator, email=email, password=password)
    )


def test_address_is_unique_in_every_spelling(client: TestClient, ada: User) -> None:
    assert ada.email_key == "ada@example.com"
    for spelling in ("ada@example.com", "ADA@Example.com"):
        with pytest.raises(EmailTaken):
            create_user(client, spelling)


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("not an address", "long enough password", id="no-address"),
        pytest.param("x@-.example", "long enough password", id="no-domain"),
        pytest.param("carol@example.com", "short", id="short-password"),
        pytest.param("carol@example.com", "x" * 1025, id="long-password"),
        pytest.param("carol@example.com", "é" * 513, id="long-in-bytes"),
    ],
)
def test_invalid_user_is_not_created(client: TestClient, email: str, password: str) -> None:
    with pytest.raises(InvalidRequest):
        create_user(client, email, password)

    assert in_database(client, lambda session: session.scalar(select(User.id))) is None


@pytest.mark.parametrize("password", [PASSWORD, None])
def test_verified_user_signs_in_at_once_or_after_resetting_the_password(
    client: TestClient, password: str | None
) -> None:
    address = "Carol@Example.com"

    async def add(session: AsyncSession) -> User:
        digest = password and await client.app_state["authenticator"].passwords.hash(password)
        return await users.add_verified_user(session, email=address, password_hash=digest, display_name="Carol")

    carol = in_database(client, add)

    assert (carol.email_key, carol.display_name) == ("carol@example.com", "Carol")
    if password is None:
        assert try_login(client, address) == 401
        assert reset(client, request_reset(client, carol.email), PASSWORD).status_code == 204
    assert try_login(client, address) == 200


@pytest.mark.any_database
def test_admin_role_is_granted_once(client: TestClient, admin: User) -> None:
    async def grant_again(session: AsyncSession) -> None:
        await users.grant_admin(session, admin)

    in_database(client, grant_again)

    assert len(list(in_database(client, lambda session: session.scalars(select(UserRole.user_id))))) == 1
