"""Run by search.py with a project's packages: create notes in both databases and measure searches.

`search_inside.py ROWS ROUNDS FOLDER` prints its figures as JSON; FOLDER is for the SQLite file.
"""

import asyncio
import json
import sys
import time
from typing import TypeAlias

from app.api.pagination import PageParams, paginate, where_contains
from app.database import migrate
from app.database.connection import Database, open_database
from app.features.notes.models import Note
from app.settings.config import DatabaseSettings
from sqlalchemy import Select, select, text
from sqlalchemy.exc import DBAPIError
from tests.postgres import new_database, running_postgres  # type: ignore[import-not-found]

# A fifth has "foo" in the title, and a fifth of all is not ASCII.
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO notes (id, owner_id, title, body, version, created_at, updated_at)
SELECT {key}, {owner},
    CASE n % 5 WHEN 0 THEN 'foo' WHEN 1 THEN 'Größe' ELSE 'bar' END || ' number ' || n || ' of all',
    '', 1, '2026-01-01', '2026-01-01'
FROM numbers
"""
USER = """
INSERT INTO users (id, email, email_key, display_name, is_active, version, created_at, updated_at)
VALUES ({owner}, 'ada@example.com', 'ada@example.com', 'Ada', true, 1, '2026-01-01', '2026-01-01')
"""
OWNER = "00000000000070008000000000000000"
KEYS = {
    "sqlite": ("printf('000000000000700080%014x', n)", f"'{OWNER}'"),
    "postgresql": ("('000000000000700080' || lpad(to_hex(n), 14, '0'))::uuid", f"'{OWNER}'::uuid"),
}
INDEX = (
    "CREATE EXTENSION pg_trgm",
    "CREATE INDEX ON notes USING gin (fold_text(title) gin_trgm_ops)",
    "CREATE INDEX ON notes USING gin (title gin_trgm_ops)",  # for LIKE
    "ANALYZE notes",
)
Figures: TypeAlias = dict[str, dict[str, list[float]]]


def searches(rows: int) -> dict[str, Select[tuple[Note]]]:
    """Return the searches, and the SQL search they are compared with."""
    terms = {
        "a fifth found": "FOO",
        "one found": f"NUMBER {rows // 2} OF",
        "none found": "nowhere",
        "none found, not ASCII": "größer",
    }
    found = {name: where_contains(select(Note), term, Note.title) for name, term in terms.items()}
    return {
        **found,
        "none found, with LIKE": select(Note).where(Note.title.icontains("nowhere")),
    }


async def measure(database: Database, rows: int, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of the first page of each search."""
    times: dict[str, list[float]] = {name: [] for name in searches(rows)}
    async with database.read_sessions() as session:
        for number in range(rounds + 1):
            for name, query in searches(rows).items():
                started = time.perf_counter()
                await paginate(session, query, Note, PageParams())
                if number:  # the first ones read the table into memory
                    times[name].append((time.perf_counter() - started) * 1000)
    return times


async def run(url: str, rows: int, rounds: int, found: Figures) -> None:
    """Fill a database and measure without and with the index of docs/admin.md."""
    async with open_database(DatabaseSettings(url=url, statement_timeout=0)) as database:
        kind = database.engine.dialect.name
        key, owner = KEYS[kind]
        async with database.sessions.begin() as session:
            await session.execute(text(USER.format(owner=owner)))
            await session.execute(text(FILL.format(rows=rows, key=key, owner=owner)))
            await session.execute(text("ANALYZE"))
        found[kind] = await measure(database, rows, rounds)
        if kind == "postgresql":
            try:
                async with database.sessions.begin() as session:
                    for statement in INDEX:
                        await session.execute(text(statement))
            except DBAPIError:
                return  # this server has no pg_trgm
            await database.engine.dispose()  # and with it the plans that know no index
            found["postgresql, trigram index"] = await measure(database, rows, rounds)


def main(rows: int, rounds: int, folder: str) -> None:
    """Measure both databases."""
    found: Figures = {}
    with running_postgres() as server, new_database(server) as url:
        for one in (f"sqlite:///{folder}/search.db", url):
            migrate.upgrade(DatabaseSettings(url=one))
            asyncio.run(run(one, rows, rounds, found))
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
