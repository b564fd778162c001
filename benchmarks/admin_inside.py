"""Run by admin.py with a project's packages: create users and measure three admins.

`admin_inside.py ROWS ROUNDS FOLDER` prints the figures as JSON. FOLDER contains sqladmin, which
projects don't install.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, TypeAlias

import asyncpg
from app.accounts.models import User
from app.database import migrate
from app.database.connection import build_database
from app.features.notes.models import Note
from app.main import create_app
from app.settings.config import DatabaseSettings, load_settings
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette_admin.contrib.sqla import Admin, ModelView
from tests.postgres import new_database, running_postgres  # type: ignore[import-not-found]
from tests.support import add_user  # type: ignore[import-not-found]
from tests.web.browser import open_browser

sys.path.append(sys.argv[3])  # after the project's packages, which all three share
import sqladmin

# A fifth has "foo" in the address.
FILL = """
INSERT INTO users
    (id, email, email_key, display_name, is_active, version, created_at, updated_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    address, address, md5(n::text), true, 1, now(), now()
FROM (
    SELECT n, CASE WHEN n % 5 = 0 THEN 'foo' ELSE 'bar' END || '-' || n || '@example.com' AS address
    FROM generate_series(1, $1::int) AS n
) AS people
"""
TRIGRAMS = (  # ours, and what the others search
    "CREATE INDEX ON users USING gin (fold_text(email) gin_trgm_ops)",
    "CREATE INDEX ON users USING gin (fold_text(display_name) gin_trgm_ops)",
    "CREATE INDEX ON users USING gin (email gin_trgm_ops, display_name gin_trgm_ops)",
)
LISTED = ("email", "display_name", "is_active", "roles", "last_login_at", "created_at")

Figures: TypeAlias = dict[str, dict[str, list[tuple[float, int]]]]
OURS, PLAIN, SQLADMIN = "generated project", "starlette-admin", "sqladmin"


class PlainUsers(ModelView):  # type: ignore[misc]  # not known here
    """Users, with the library's defaults."""

    fields: Sequence[Any] = ("id", *LISTED)
    exclude_fields_from_list = ("id",)
    fields_default_sort = (("id", True),)
    page_size = 25


class PlainRoles(ModelView):  # type: ignore[misc]  # not known here
    """Roles, referenced by users."""

    fields: Sequence[Any] = ("id", "name")


class OtherUsers(sqladmin.ModelView, model=User):  # type: ignore[call-arg, misc]
    """Users."""

    column_list = LISTED
    column_searchable_list = ("email", "display_name")
    column_sortable_list = ("email", "display_name")
    column_default_sort = ("id", True)
    page_size = 25


class OtherNotes(sqladmin.ModelView, model=Note):  # type: ignore[call-arg, misc]
    """Notes, whose form has a picker for the owner."""

    form_columns = ("title", "owner")
    form_ajax_refs: ClassVar = {"owner": {"fields": ("email",), "order_by": "id"}}


def addresses(rows: int) -> dict[str, dict[str, str]]:
    """Return the requests of each admin; None if it lacks the feature."""
    deep, one = rows * 9 // 10 // 25 + 1, f"bar-{rows // 2 + 1}@"
    lists = {
        "first page": ("", ""),
        f"page {deep:,}": (f"page={deep}", f"page={deep}"),
        "sorted by address": ("sort=email__asc", "sortBy=email&sort=asc"),
        "search, a fifth found": ("q=foo", "search=foo"),
        "search, one found": (f"q={one}", f"search={one}"),
        "search, none found": ("q=nowhere", "search=nowhere"),
        "sorted by an unindexed column": ("sort=display_name__asc", "sortBy=display_name&sort=asc"),
    }
    asked = {
        name: {
            OURS: f"/admin/user/list?{q}",
            PLAIN: f"/admin/user/list?{q}",
            SQLADMIN: f"/admin/user/list?{other}",
        }
        for name, (q, other) in lists.items()
    }
    del asked["sorted by an unindexed column"][OURS]
    for name, term in (("picker, a fifth found", "foo"), ("picker, one found", one)):
        picker = f"/admin/_api/user/relation-lookup?limit=20&q={term}"
        other = f"/admin/note/ajax/lookup?name=owner&term={term}"
        asked[name] = {OURS: picker, PLAIN: picker, SQLADMIN: other}
    return asked


@contextmanager
def admins(url: str) -> Iterator[dict[str, TestClient]]:
    """Start the three admins in this process, on one database."""
    with ExitStack() as running:
        settings = load_settings(
            environment="test",
            secret_key="a key of the benchmark, which protects nothing",  # noqa: S106
            database={"url": url},
        )
        ours = running.enter_context(TestClient(create_app(settings), follow_redirects=False))
        admin = add_user(ours, "admin@example.com", admin=True)
        plain = Starlette()
        site = Admin(build_database(DatabaseSettings(url=url)).engine)
        site.add_view(PlainUsers(User))
        site.add_view(PlainRoles(User.roles.property.mapper.class_))
        site.mount_to(plain)
        other = Starlette()
        views = sqladmin.Admin(other, build_database(DatabaseSettings(url=url)).engine)
        views.add_view(OtherUsers)
        views.add_view(OtherNotes)
        yield {
            OURS: open_browser(ours, admin),
            PLAIN: running.enter_context(TestClient(plain)),
            SQLADMIN: running.enter_context(TestClient(other)),
        }


def measure(
    browsers: dict[str, TestClient], asked: dict[str, dict[str, str]], rounds: int
) -> Figures:
    """Return the milliseconds and status of each response, taking turns."""
    found: Figures = {name: {who: [] for who in asked[name]} for name in asked}
    for number in range(rounds + 1):
        for name, paths in asked.items():
            for who, path in paths.items():
                started = time.perf_counter()
                response = browsers[who].get(path)
                took = (time.perf_counter() - started) * 1000
                assert response.status_code == 200 or (
                    who == OURS and response.status_code == 400
                ), (
                    path,
                    response.text,
                )
                if number:  # the first ones load and compile what they need
                    found[name][who].append((took, response.status_code))
    return found


async def execute(url: str, statement: str, *parameters: int) -> bool:
    """Run a statement outside a transaction; return whether it returned a row."""
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetch(statement, *parameters))
    finally:
        await connection.close()


def main(rows: int, rounds: int) -> None:
    """Fill a database and measure without and with the index of docs/admin.md."""
    with running_postgres() as server, new_database(server) as url:
        migrate.upgrade(DatabaseSettings(url=url))
        asyncio.run(execute(url, FILL, rows))
        asyncio.run(execute(url, "VACUUM ANALYZE users"))
        asked = addresses(rows)
        with admins(url) as browsers:
            found = measure(browsers, asked, rounds)
            known = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
            if asyncio.run(execute(url, known)):
                asyncio.run(execute(url, "CREATE EXTENSION pg_trgm"))
                for index in TRIGRAMS:
                    asyncio.run(execute(url, index))
                asyncio.run(execute(url, "VACUUM ANALYZE users"))
                searches = {name: paths for name, paths in asked.items() if "found" in name}
                again = measure(browsers, searches, rounds)
                found |= {f"{name}, trigram index": times for name, times in again.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
