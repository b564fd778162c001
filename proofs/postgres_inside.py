"""Run by load.py with a project's packages: PostgreSQL as in its tests, until standard input ends.

Prints the server's URL of the user `test`.
"""

import asyncio
import sys

import asyncpg
from tests.postgres import running_postgres  # type: ignore[import-not-found]

from proofs.database import APP_ROLE

SETUP = (
    # The tests' server loses the latest commits in a crash, which here would look like a fault.
    "ALTER ROLE test SET synchronous_commit = on",
    f"CREATE ROLE {APP_ROLE} LOGIN IN ROLE test",
    f"ALTER ROLE {APP_ROLE} SET synchronous_commit = on",
)


async def prepare(url: str) -> None:
    """Create the app's role."""
    connection = await asyncpg.connect(url)
    for statement in SETUP:
        await connection.execute(statement)
    await connection.close()


if __name__ == "__main__":
    with running_postgres() as url:
        asyncio.run(prepare(url))
        print(url, flush=True)
        sys.stdin.read()
