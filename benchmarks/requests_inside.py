"""Run by requests.py with a project's packages: create a database with items, count statements.

`python -m benchmarks.requests_inside [FILE]` fills a PostgreSQL, or a SQLite in FILE, prints its
URL, and reads commands from standard input: `tidy` deletes what was written since, and `count`
prints the number of SQL statements per workload.
"""

import asyncio
import json
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.accounts import users
from app.accounts.credentials.authenticator import build_authenticator
from app.database import migrate
from app.database.connection import open_database
from app.features.items.models import Item
from app.main import create_app
from app.settings.config import DatabaseSettings, load_settings
from sqlalchemy import Engine, delete, event, text, update
from starlette.testclient import TestClient
from tests.postgres import new_database, running_postgres  # type: ignore[import-not-found]

from benchmarks.workloads import (
    EMAIL,
    HTML,
    ITEM_KEY,
    ITEMS,
    LOGIN_EMAIL,
    MADE,
    NOTES,
    PAGES,
    PASSWORD,
)

ROWS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO {table} (id, owner_id, version, title, body, created_at, updated_at)
SELECT {key}, users.id, 1, 'Number ' || n, 'This is what number ' || n || ' says.',
    users.created_at, users.created_at
FROM numbers, users WHERE users.email = :email
"""
KEYS = {  # as ITEM_KEY
    "postgresql": "cast('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid)",
    "sqlite": "printf('00000000000070008000%012x', n)",
}

ORIGIN = "https://testserver"  # in production, session cookies need HTTPS


@contextmanager
def made_database(file: str) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if file:
        yield f"sqlite+aiosqlite:///{file}"
        return
    with running_postgres() as server, new_database(server) as url:
        yield url


async def fill(settings: DatabaseSettings) -> None:
    """Create two users and one's rows."""
    async with open_database(settings) as database:
        authenticator = build_authenticator(load_settings(), database)
        for address in (LOGIN_EMAIL, EMAIL):
            async with database.sessions.begin() as session:
                await users.create_user(session, authenticator, email=address, password=PASSWORD)
        async with database.sessions.begin() as session:
            key = KEYS[database.engine.dialect.name]
            for table, rows in (("notes", NOTES), ("items", ITEMS)):
                insert = text(ROWS.format(table=table, key=key))
                await session.execute(insert, {"rows": rows, "email": EMAIL})


async def tidy(settings: DatabaseSettings) -> None:
    """Delete what was written and update the database's statistics."""
    async with open_database(settings) as database:
        async with database.sessions.begin() as session:
            newest = UUID(ITEM_KEY.format(ITEMS))
            await session.execute(delete(Item).where(Item.title == MADE, Item.id > newest))
            again = update(Item).where(Item.version > 1)
            await session.execute(again.values(version=1, title="Changed once"))
        async with database.read_sessions() as session:  # which has no transaction
            sqlite = database.engine.dialect.name == "sqlite"
            await session.execute(text("ANALYZE" if sqlite else "VACUUM ANALYZE"))


def count(settings: DatabaseSettings) -> dict[str, int]:
    """Return the SQL statements per workload, after a warm-up."""
    found = {}
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *heard: statements.append(heard[2]))
    quiet = {"in_server": False}  # looking for due jobs would be counted, too
    app = create_app(load_settings(database={"url": settings.url}, jobs=quiet))
    with TestClient(app, base_url=ORIGIN) as client:
        login = {"email": EMAIL, "password": PASSWORD}
        token = client.post("/api/v1/auth/login", json=login).json()["access_token"]
        for name, workload in PAGES.items():
            if name == HTML:
                sign_in(client)
            for number in (1, 2):
                statements.clear()
                response = client.request(
                    workload.method,
                    workload.path.format(number),
                    json=workload.data or None,
                    headers={"Authorization": f"Bearer {token}", **workload.headers},
                )
                assert response.is_success, response.text
            found[name] = len(statements)
    return found


def counted(settings: DatabaseSettings) -> dict[str, int]:
    """Return the same, or nothing if a request fails: the rest can be measured nevertheless."""
    try:
        return count(settings)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return {}


def sign_in(client: TestClient) -> None:
    """Sign in like a browser."""
    token = re.search(r'name="csrf_token" value="([^"]*)"', client.get("/login").text)
    assert token
    form = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD}
    client.post("/login", data=form, headers={"Origin": ORIGIN})


def main(file: str = "") -> None:
    """Create and fill the database, and run commands from standard input."""
    with made_database(file) as url:
        settings = DatabaseSettings(url=url)
        migrate.upgrade(settings)
        asyncio.run(fill(settings))
        asyncio.run(tidy(settings))
        print(url, flush=True)
        for word in sys.stdin:
            if word.strip() == "count":
                print(json.dumps(counted(settings)), flush=True)
            else:
                asyncio.run(tidy(settings))
                print(flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
