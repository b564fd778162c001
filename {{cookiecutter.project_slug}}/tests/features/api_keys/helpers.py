"""Shared helpers of the API key tests."""

from typing import Any

from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent
from app.features.api_keys.models import ApiKey
from tests.support import in_database, with_token

KEYS = "/api/v1/auth/api-keys"


def create_key(caller: TestClient, *scopes: str, **terms: Any) -> Any:
    """Create a key through the API, and return the response."""
    response = caller.post(KEYS, json={"name": "Backup", "scopes": scopes or ["read", "write"], **terms})
    assert response.status_code == 201, response.text
    return response.json()


def api_key_client(client: TestClient, created: Any) -> TestClient:
    """Return a client that authenticates with this key."""
    return with_token(client, created["key"])


def update_keys(client: TestClient, **values: Any) -> None:
    """Update all keys in the database."""
    in_database(client, lambda session: session.execute(update(ApiKey).values(**values)))


def keys_in_database(client: TestClient) -> list[ApiKey]:
    async def read(session: Any) -> list[ApiKey]:
        return list(await session.scalars(select(ApiKey).order_by(ApiKey.id)))

    return in_database(client, read)


def key_events(client: TestClient, name: str) -> list[AuthEvent]:
    async def read(session: Any) -> list[AuthEvent]:
        return list(await session.scalars(select(AuthEvent).where(AuthEvent.name == name).order_by(AuthEvent.id)))

    return in_database(client, read)
