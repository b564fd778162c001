"""Rows that are inserted unless they exist."""

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import AuthSession, Role, User
from app.database.base import utc_now
from app.database.connection import Database
from app.database.missing_rows import insert_if_missing
from app.settings.config import Settings
from tests.support import in_database, in_database_of

pytestmark = pytest.mark.any_database

ROLE = {"name": "editor", "permissions": ["notes:edit"]}


async def roles(session: AsyncSession) -> Sequence[Role]:
    return (await session.scalars(select(Role))).all()


def test_row_is_inserted_once_with_its_defaults(client: TestClient) -> None:
    for values in (ROLE, {**ROLE, "permissions": []}):
        in_database(client, partial(insert_if_missing, model=Role, values=values))

    (role,) = in_database(client, roles)
    assert (role.name, role.permissions, role.version) == ("editor", ["notes:edit"], 1)
    assert (utc_now() - role.created_at).total_seconds() < 60


def test_transaction_goes_on_after_a_row_that_exists(client: TestClient) -> None:
    async def insert(session: AsyncSession) -> None:
        session.add(Role(name="other", permissions=[]))
        for _ in range(2):
            await insert_if_missing(session, Role, ROLE)

    in_database(client, insert)

    assert {role.name for role in in_database(client, roles)} == {"editor", "other"}


def test_concurrent_transactions_insert_it_once(settings: Settings, client: TestClient) -> None:
    async def insert(database: Database) -> None:
        async with database.sessions.begin() as session:
            await insert_if_missing(session, Role, ROLE)
            await asyncio.sleep(0.05)

    async def insert_at_once(database: Database) -> None:
        await asyncio.gather(*(insert(database) for _ in range(4)))

    in_database_of(settings, insert_at_once)

    assert len(in_database(client, roles)) == 1


def test_other_constraints_are_errors(client: TestClient, ada: User) -> None:
    now = utc_now()
    dates = {"authenticated_at": now, "last_seen_at": now, "idle_expires_at": now, "expires_at": now}

    async def insert(session: AsyncSession, user_id: UUID) -> None:
        await insert_if_missing(session, AuthSession, {"user_id": user_id, "kind": "api", **dates})

    in_database(client, partial(insert, user_id=ada.id))
    with pytest.raises(IntegrityError):
        in_database(client, partial(insert, user_id=UUID(int=7)))
