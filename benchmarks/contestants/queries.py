"""SQL and the pool of the apps that use the driver directly."""

import os
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks.contestants import cursors

USER_FIELDS = (
    "id, version, created_at, updated_at, "
    "email, email_verified_at, display_name, locale, last_login_at"
)
ITEM_FIELDS = "id, version, created_at, updated_at, title, body"
USER = f"SELECT {USER_FIELDS} FROM users WHERE id = $1 AND is_active"  # noqa: S608 - constants
LOGIN = "SELECT id, password_hash FROM users WHERE email = $1"
ITEM = f"SELECT {ITEM_FIELDS} FROM items WHERE id = $1 AND owner_id = $2"  # noqa: S608
FIRST_PAGE = f"""
SELECT {ITEM_FIELDS} FROM items WHERE owner_id = $1 ORDER BY id DESC LIMIT $2
"""  # noqa: S608
PAGE_AFTER = f"""
SELECT {ITEM_FIELDS} FROM items WHERE owner_id = $1 AND id < $3 ORDER BY id DESC LIMIT $2
"""  # noqa: S608
INSERT = f"""
INSERT INTO items (id, owner_id, title, body, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, 1, now(), now()) RETURNING {ITEM_FIELDS}
"""  # noqa: S608
UPDATE = f"""
UPDATE items SET title = $4, version = version + 1, updated_at = now()
WHERE id = $1 AND owner_id = $2 AND version = $3 RETURNING {ITEM_FIELDS}
"""  # noqa: S608
POOL_SIZE = 16


async def open_pool() -> Any:  # noqa: ANN401 - asyncpg is not known here
    """Open all connections. Requests leave no state on a connection, so none needs a reset."""
    return await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=POOL_SIZE, max_size=POOL_SIZE, reset=_leave
    )


async def fetch_page(connection: Any, owner: UUID, cursor: str | None) -> dict[str, Any]:  # noqa: ANN401
    """Return a page of a user's items, newest first."""
    if cursor is None:
        rows = await connection.fetch(FIRST_PAGE, owner, cursors.PAGE + 1)
    else:
        rows = await connection.fetch(PAGE_AFTER, owner, cursors.PAGE + 1, cursors.decode(cursor))
    items = [dict(row) for row in rows[: cursors.PAGE]]
    more = len(rows) > cursors.PAGE
    return {"items": items, "next_cursor": cursors.encode(items[-1]["id"]) if more else None}


async def _leave(_: object) -> None:
    """Don't reset connections when they return to the pool."""
