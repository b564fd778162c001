"""What requests.py runs with a project's packages: a database with items, and counted statements.

`python -m benchmarks.requests_inside [FILE]` fills a PostgreSQL, or a SQLite in FILE, prints its
URL, and waits for words on the standard input: `tidy` takes back what was written since, and
`count` tells how many statements each workload takes.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app import migrate
from app.accounts import users
from app.accounts.authenticator import build_authenticator
from app.accounts.models import User
from app.database import opened_database
from app.features.items.models import Item
from app.features.notes.models import Note
from app.main import create_app
from app.settings import DatabaseSettings, load_settings
from sqlalchemy import Engine, delete, event, insert, text, update
from starlette.testclient import TestClient
from tests.postgres import new_database, running_postgres  # type: ignore[import-not-found]

from benchmarks.workloads import (
    EMAIL,
    ITEM_KEY,
    ITEMS,
    LOGIN_EMAIL,
    MADE,
    NOTES,
    PASSWORD,
    WORKLOADS,
)


@contextmanager
def made_database(file: str) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if file:
        yield f"sqlite+aiosqlite:///{file}"
        return
    with running_postgres() as server, new_database(server) as url:
        yield url


async def fill(settings: DatabaseSettings) -> None:
    """Make two people, and what one of them has."""
    async with opened_database(settings) as database:
        authenticator = build_authenticator(load_settings(), database)
        for address in (LOGIN_EMAIL, EMAIL):
            async with database.sessions.begin() as session:
                user = await users.create_user(
                    session, authenticator, email=address, password=PASSWORD
                )
        async with database.sessions.begin() as session:
            connection = await session.connection()  # which is quicker than the session
            for table, size in ((Note.__table__, NOTES), (Item.__table__, ITEMS)):
                rows = [make_row(number, user) for number in range(1, size + 1)]
                await connection.execute(insert(table), rows)


def make_row(number: int, owner: User) -> dict[str, object]:
    """Return an item, or a note."""
    return {
        "id": UUID(ITEM_KEY.format(number)),
        "owner_id": owner.id,
        "version": 1,
        "title": f"Number {number}",
        "body": f"This is what number {number} says.",
    }


async def tidy(settings: DatabaseSettings) -> None:
    """Take back what was written, and let the database look at what it has."""
    async with opened_database(settings) as database:
        async with database.sessions.begin() as session:
            newest = UUID(ITEM_KEY.format(ITEMS))
            await session.execute(delete(Item).where(Item.title == MADE, Item.id > newest))
            again = update(Item).where(Item.version > 1)
            await session.execute(again.values(version=1, title="Changed once"))
        async with database.reads() as session:  # which has no transaction
            sqlite = database.engine.dialect.name == "sqlite"
            await session.execute(text("ANALYZE" if sqlite else "VACUUM ANALYZE"))


def count(settings: DatabaseSettings) -> dict[str, int]:
    """Return how many statements each workload takes, when it is not the first of its kind."""
    found = {}
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *heard: statements.append(heard[2]))
    app = create_app(load_settings(database={"url": settings.url}))
    with TestClient(app) as client:
        login = {"email": EMAIL, "password": PASSWORD}
        token = client.post("/api/v1/auth/login", json=login).json()["access_token"]
        for name, workload in WORKLOADS.items():
            for number in (1, 2):
                statements.clear()
                answer = client.request(
                    workload.method,
                    workload.path.format(number),
                    json=workload.data or None,
                    headers={"Authorization": f"Bearer {token}", **workload.headers},
                )
                assert answer.is_success, answer.text
            found[name] = len(statements)
    return found


def main(file: str = "") -> None:
    """Make and fill the database, and do what is asked for."""
    with made_database(file) as url:
        settings = DatabaseSettings(url=url)
        migrate.upgrade(settings)
        asyncio.run(fill(settings))
        asyncio.run(tidy(settings))
        print(url, flush=True)
        for word in sys.stdin:
            if word.strip() == "count":
                print(json.dumps(count(settings)), flush=True)
            else:
                asyncio.run(tidy(settings))
                print(flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
