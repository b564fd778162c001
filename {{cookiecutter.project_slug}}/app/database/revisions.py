"""Migration revisions of the code and of the database, without importing Alembic in the server."""

import ast
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

MIGRATIONS_DIR = Path(__file__).parents[2] / "migrations"
INCOMPATIBLE_TABLE = "alembic_incompatible"
"""Table of applied revisions whose migration sets `incompatible = True`; migrations/env.py creates and fills it."""
_VARIABLES = {"revision", "down_revision", "drops"}
CONTRACT_FOLDER = "contract"
"""Folder of contract steps, next to `versions`: `app db contract` adds them to the migrations."""


class CodeRevisions(NamedTuple):
    """Revisions in `migrations/versions`, and which of them are heads."""

    known: frozenset[str]
    heads: frozenset[str]

    def is_ahead_of(self, applied: frozenset[str]) -> bool:
        """Return whether migrations are pending; the database may also have newer ones."""
        if applied <= self.known:
            return applied != self.heads
        return bool(applied & (self.known - self.heads))


def heads(folder: Path = MIGRATIONS_DIR) -> frozenset[str]:
    """Return the heads; more than one if branches need merging."""
    return code_revisions(folder).heads


def code_revisions(folder: Path = MIGRATIONS_DIR) -> CodeRevisions:
    """Read the revisions of the code."""
    scripts = [_read_assignments(path, path.stat().st_mtime_ns) for path in (folder / "versions").glob("*.py")]
    replaced = {name for script in scripts for name in _as_tuple(script.get("down_revision"))}
    known = frozenset(script["revision"] for script in scripts if "revision" in script)
    return CodeRevisions(known, known - replaced)


def dropped_later(folder: Path = MIGRATIONS_DIR) -> frozenset[str]:
    """Return what the contract steps drop that are not in `versions` yet: `books.isbn` or the name of a table."""
    steps = (folder / CONTRACT_FOLDER).glob("*.py")
    return frozenset(name for path in steps for name in _read_assignments(path, path.stat().st_mtime_ns)["drops"])


async def applied(session: AsyncSession) -> frozenset[str]:
    """Return the applied heads; empty before the first migration."""
    return await _column(session, "SELECT version_num FROM alembic_version")


async def incompatible(session: AsyncSession) -> frozenset[str]:
    """Return applied revisions marked as incompatible with older code."""
    return await _column(session, f"SELECT revision FROM {INCOMPATIBLE_TABLE}")  # noqa: S608 - a constant


async def _column(session: AsyncSession, query: str) -> frozenset[str]:
    """Return a column, empty if its table doesn't exist."""
    try:
        return frozenset(await session.scalars(text(query)))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig):
            return frozenset()
        raise


@cache
def _read_assignments(path: Path, modified: int) -> dict[str, Any]:  # noqa: ARG001 - invalidates the cache
    """Parse a migration's variables without executing it."""
    found = {}
    for node in ast.parse(path.read_bytes()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    return {name: ast.literal_eval(value) for name, value in found.items() if name in _VARIABLES}


def _as_tuple(revisions: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return `down_revision` as a tuple: it can be one revision, several or None."""
    return (revisions,) if isinstance(revisions, str) else tuple(revisions or ())
