"""Example notes."""

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.lifecycle.seeds import find_owner
from app.accounts.models import User
from app.features.notes.seeds import EXAMPLES, seeds
from tests.features.notes.helpers import NOTES, add_note, rows_in
from tests.support import in_database, sign_in


def test_missing_examples_are_added(client: TestClient, ada: User) -> None:
    as_ada = sign_in(client, ada)
    title = next(iter(EXAMPLES))
    add_note(as_ada, title=title, body="Mine")

    async def add(session: AsyncSession) -> int:
        return await seeds.add(session, await find_owner(session, ada.email))

    assert [in_database(client, add) for _ in range(2)] == [len(EXAMPLES) - 1, 0]

    rows = rows_in(as_ada.get(NOTES))
    assert {row["title"]: row["body"] for row in rows} == EXAMPLES | {title: "Mine"}
