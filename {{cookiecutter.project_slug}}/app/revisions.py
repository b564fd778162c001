"""The revisions that the code has, and those that a database is at; found without Alembic, which a server can spare."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

FOLDER = Path(__file__).parent.parent / "migrations"
_READ = {"revision", "down_revision"}


def heads(folder: Path = FOLDER) -> frozenset[str]:
    """Return the newest revisions that the code has: one, unless two branches were not merged."""
    scripts = [_read_assignments(path, path.stat().st_mtime_ns) for path in (folder / "versions").glob("*.py")]
    replaced = {name for script in scripts for name in _as_tuple(script.get("down_revision"))}
    return frozenset(script["revision"] for script in scripts if "revision" in script) - replaced


async def applied(session: AsyncSession) -> frozenset[str]:
    """Return the revisions that the database is at: none before the first migration."""
    try:
        rows = await session.scalars(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return frozenset()
    return frozenset(rows)


@cache
def _read_assignments(path: Path, changed: int) -> dict[str, Any]:  # noqa: ARG001 - read anew when it was changed
    """Read what a migration says of itself, without running it."""
    found = {}
    for node in ast.parse(path.read_bytes()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    return {name: ast.literal_eval(value) for name, value in found.items() if name in _READ}


def _as_tuple(revisions: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Write one, several, or none alike."""
    return (revisions,) if isinstance(revisions, str) else tuple(revisions or ())
