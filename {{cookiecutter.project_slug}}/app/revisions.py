"""The revisions that the code has, and those that a database is at; found without Alembic, which a server can spare."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

FOLDER = Path(__file__).parent.parent / "migrations"


def heads(folder: Path = FOLDER) -> frozenset[str]:
    """Return the newest revisions that the code has: one, unless two branches were not merged."""
    found = [_assigned(path) for path in (folder / "versions").glob("*.py")]
    older = {revision for names in found for revision in _listed(names.get("down_revision"))}
    return frozenset(revision for names in found for revision in _listed(names.get("revision"))) - older


async def revisions(session: AsyncSession) -> frozenset[str]:
    """Return the revisions that the database is at: none before the first migration."""
    try:
        rows = await session.scalars(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return frozenset()
    return frozenset(rows)
