"""Run by scale.py with a project's packages: a database with a growing number of notes.

`python -m benchmarks.scale_inside` creates a PostgreSQL with a hundred users, prints its URL, and
reads numbers from standard input: for each, it adds notes up to this number.
"""

import asyncio
import os
import sys
from contextlib import suppress

from app.accounts import users
from app.accounts.credentials.authenticator import build_authenticator
from app.accounts.models import User
from app.database import migrate
from app.database.base import utc_now
from app.database.connection import Database, open_database
from app.settings.config import DatabaseSettings, load_settings
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from benchmarks.requests_inside import KEYS, made_database
from benchmarks.workloads import EMAIL, PASSWORD, PEOPLE

AT_ONCE = 1_000_000
MORE = """
INSERT INTO notes (id, owner_id, version, title, body, created_at, updated_at)
SELECT
    {key},
    people.id, 1, 'Number ' || n, 'This is what number ' || n || ' says.',
    people.created_at, people.created_at
FROM generate_series(cast(:first AS bigint), cast(:last AS bigint)) AS n
JOIN (
    SELECT id, created_at, row_number() OVER (ORDER BY id) - 1 AS place FROM users
) AS people ON people.place = n % (SELECT count(*) FROM users)
"""


async def add_people(database: Database) -> None:
    """Create the admin and the other users."""
    authenticator = build_authenticator(load_settings(), database)
    async with database.sessions.begin() as session:
        asking = await users.create_user(session, authenticator, email=EMAIL, password=PASSWORD)
        await users.grant_admin(session, asking)
        now = utc_now()
        for number in range(1, PEOPLE):
            email = f"{number}@example.com"
            other = User(email=email, email_key=email, email_verified_at=now)
            other.password_hash, other.password_changed_at = asking.password_hash, now
            session.add(other)


async def fill(settings: DatabaseSettings, before: int, rows: int) -> None:
    """Add notes up to this number."""
    async with open_database(settings) as database:
        if not before:
            await add_people(database)
        more = text(MORE.format(key=KEYS["postgresql"]))
        for first in range(before + 1, rows + 1, AT_ONCE):
            async with database.sessions.begin() as session:
                last = min(first + AT_ONCE - 1, rows)
                await session.execute(more, {"first": first, "last": last})
        async with database.read_sessions() as session:  # which has no transaction
            await session.execute(text("VACUUM ANALYZE"))
            # A checkpoint during the measurement would slow it down; not every user can start one.
            with suppress(ProgrammingError):
                await session.execute(text("CHECKPOINT"))
    os.sync()


def main() -> None:
    """Create the database and run commands from standard input."""
    with made_database("") as url:
        settings = DatabaseSettings(url=url)
        migrate.upgrade(settings)
        print(url, flush=True)
        before = 0
        for line in sys.stdin:
            rows = int(line)
            asyncio.run(fill(settings, before, rows))
            before = rows
            print(flush=True)


if __name__ == "__main__":
    main()
