"""All types of tokens: not usable from the database, bound to a purpose, revoked with their user and key."""

import base64
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.one_time_tokens import Purpose
from app.accounts.models import User
from app.accounts.sessions import authentication, sessions
from app.database.base import Base
from tests.support import TEST_CLIENT, in_database, log_in

pytestmark = pytest.mark.any_database

ME = "/api/v1/users/me"
REFRESH = "/api/v1/auth/token/refresh"


class Credentials(NamedTuple):
    """All credentials that authenticate Ada or act on her behalf."""

    access: str
    refresh: str
    cookie: str
    one_time: dict[Purpose, str]


@pytest.fixture
def credentials(client: TestClient, ada: User) -> Credentials:
    pair = log_in(client, ada.email)
    pair = client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).json()
    authenticator = client.app_state["authenticator"]

    async def issue(session: AsyncSession) -> tuple[str, dict[Purpose, str]]:
        _, cookie = await sessions.create_web_session(session, authenticator, ada, TEST_CLIENT, remember=False)
        life = timedelta(hours=1)
        return cookie, {
            purpose: await one_time_tokens.issue(session, authenticator, ada.id, purpose, sent_to=ada.email, ttl=life)
            for purpose in Purpose
        }

    return Credentials(pair["access_token"], pair["refresh_token"], *in_database(client, issue))


def accepted(client: TestClient, text: str) -> list[str]:
    """Return the token types as which a text is accepted: bearer, refresh token, cookie, one-time token."""
    database, authenticator = client.app_state["database"], client.app_state["authenticator"]

    async def find_purposes(session: AsyncSession) -> list[str]:
        return [kind for kind in Purpose if await one_time_tokens.find(session, authenticator, text, kind)]

    assert client.portal is not None
    found = list(map(str, in_database(client, find_purposes)))
    if client.portal.call(authentication.authenticate_web_session, database, authenticator, text, ""):
        found.append("cookie")
    if is_header(text) and client.get(ME, headers={b"Authorization": b"Bearer " + text.encode()}).status_code != 401:
        found.append("bearer")
    if client.post(REFRESH, json={"refresh_token": text}).status_code not in {401, 422}:
        found.append("refresh")
    return found


def is_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


def stored_values(client: TestClient) -> list[Any]:
    """Return every value of every table."""

    async def read(session: AsyncSession) -> list[Any]:
        rows = [row for table in Base.metadata.sorted_tables for row in await session.execute(select(table))]
        return [value for row in rows for value in row]

    return in_database(client, read)


def encodings(values: Iterable[Any]) -> Iterator[str]:
    """Yield the encodings in which an attacker could send each value. Short values can't be secrets."""
    for value in values:
        if isinstance(value, bytes):
            encoded = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
            yield from (value.hex(), encoded, f"rt_{encoded}")
        elif isinstance(value, UUID) or (isinstance(value, str) and len(value) >= 16):
            yield str(value)


def test_no_stored_value_is_a_valid_token(client: TestClient, credentials: Credentials) -> None:
    """Behaviour 69."""
    authenticator = client.app_state["authenticator"]
    found = set(encodings(stored_values(client)))

    accepted_as = {text: accepted(client, text) for text in found if not text.startswith("$argon2")}

    assert authenticator.keys.digest("web-session", credentials.cookie).hex() in found
    assert len(found) > 25, len(found)
    assert {text: kinds for text, kinds in accepted_as.items() if kinds} == {}
    assert accepted(client, credentials.cookie) == ["cookie"]
    assert accepted(client, credentials.access) == ["bearer"]
    assert accepted(client, credentials.refresh) == ["refresh"]


def test_token_is_bound_to_its_purpose(client: TestClient, credentials: Credentials) -> None:
    """Behaviours 47, 96."""
    assert len(credentials.one_time) == len(Purpose) == len(set(credentials.one_time.values()))
    for purpose, raw in credentials.one_time.items():
        assert accepted(client, raw) == [purpose]


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_no_token_of_a_deleted_or_disabled_user_is_accepted(
    client: TestClient, ada: User, credentials: Credentials, how: str
) -> None:
    """Behaviours 54, 65."""
    statement = delete(User) if how == "deleted" else update(User).values(is_active=False)

    in_database(client, lambda session: session.execute(statement.where(User.id == ada.id)))

    for text in (credentials.access, credentials.refresh, credentials.cookie):
        assert accepted(client, text) == []


def test_previous_key_is_accepted_until_it_is_removed(
    start_app: Callable[..., TestClient], client: TestClient, credentials: Credentials
) -> None:
    """Behaviour 152."""
    old_key = client.app_state["settings"].secret_key.get_secret_value()
    rotated = start_app(secret_key="n" * 40, secret_key_fallbacks=old_key)
    dropped = start_app(secret_key="n" * 40)
    kinds = {credentials.access: "bearer", credentials.refresh: "refresh", credentials.cookie: "cookie"}
    kinds.update({raw: purpose for purpose, raw in credentials.one_time.items()})

    assert {text: accepted(dropped, text) for text in kinds} == {text: [] for text in kinds}
    assert {text: accepted(rotated, text) for text in kinds} == {text: [kind] for text, kind in kinds.items()}
