"""Change a project with rows in its database at random, and check what holds after each change."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.forks import Forks
from tests.random_changes import Change, Resource, printed_resources, random_change

Row = dict[str, str | None]
Tables = dict[str, list[Row]]
"""The rows of each table, with their values as texts."""

MIGRATE = """
import asyncio, json, sys
from sqlalchemy import LargeBinary, inspect, text
from app.database import migrate
from app.database.connection import open_database
from app.settings.config import load_settings

async def rows():
    async with open_database(settings) as opened, opened.engine.connect() as database:
        quote = database.dialect.identifier_preparer.quote_identifier
        tables = await database.run_sync(lambda sync: inspect(sync).get_multi_columns())
        found = {}
        for (_, table), columns in tables.items():
            texts = [item for item in columns if not isinstance(item["type"], LargeBinary)]
            names = [quote(item["name"]) for item in texts]
            shown = ", ".join(f"CAST({name} AS TEXT) AS {name}" for name in names)
            result = await database.execute(text(f"SELECT {shown} FROM {quote(table)}"))
            found[table] = [dict(row) for row in result.mappings()]
        return found

settings = load_settings().database
if sys.argv[1] == "upgrade":
    migrate.upgrade(settings)
    migrate.check(settings)
else:
    migrate.downgrade(settings, sys.argv[2])
print(json.dumps(asyncio.run(rows())))
"""
ADD_ROWS = """
import itertools, sys
from importlib import import_module
from uuid import uuid4
from starlette.testclient import TestClient
from app.main import create_app
from app.settings.config import load_settings
from tests import support

support._numbers = itertools.count(int(sys.argv[1]))  # values that no other row has
quiet = {"log_level": "ERROR", "jobs": {"in_server": False}}
with TestClient(create_app(load_settings(**quiet)), base_url="http://localhost") as client:
    user = support.add_user(client, f"{uuid4()}@example.com", admin=True)
    admin = support.sign_in(client, user)
    for feature in sys.argv[2:]:
        helpers = import_module(f"tests.features.{feature}.helpers")
        own = [item for name, item in vars(helpers).items() if name.startswith("add_")]
        (add,) = [item for item in own if item.__module__ == helpers.__name__]
        add(admin), add(admin)
"""
SHIPPED = {"notes", "api_keys", "direct_uploads", "profile_pictures", "second_factor"}


@dataclass
class ChangedProject:
    """A project, and the resources that it should have. All files are committed."""

    folder: Path
    forks: Forks
    resources: tuple[Resource, ...]
    tables: Tables = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Command lines, and why they were refused."""

    def check(self, changes: int, random: Random) -> str:
        """Carry out changes, and return the resources as `app features --schema` prints them."""
        self._migrate("upgrade")
        self._add_rows()
        first = self._migrate("upgrade")
        for _ in range(changes):
            change = random_change(self.resources, random)
            try:
                self._carry_out(change)
            except AssertionError as error:
                message = f"{shlex.join(change.line)} after {self.accepted}:\n{error}"
                raise AssertionError(message) from error
        self.forks.app("db", "contract")
        self._migrate("upgrade")
        self._check_downgrade(first)
        self._add_rows()
        return self._schema()

    def _carry_out(self, change: Change) -> None:
        """Run a command. One that is refused changes nothing."""
        line = shlex.join(change.line)
        before = {name: rows for name, rows in self.tables.items() if rows}
        done = self.forks.app(*change.line)
        if done.status:
            assert done.status == 1, done.output
            assert done.output.startswith("app: "), done.output
            assert self._git("status", "--porcelain") == ""
            self.refused.append(f"{line}: {done.output}")
            return
        try:
            after = self._migrate("upgrade")
        except AssertionError as error:
            found = re.search(r"CommandError: (\d+ .*: change them first; nothing .*)", str(error))
            if not found:
                raise
            self.refused.append(f"{line}: {found[1]}")
            self._git("reset", "--quiet", "--hard")
            self._git("clean", "--quiet", "--force", "-d")
            return
        _check_rows(change, before, after)
        self.resources = change.after
        self.accepted.append(line)
        self._git("add", "--all")
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        self._git(*who, "commit", "--quiet", "--allow-empty", "--message", line)

    def _check_downgrade(self, first: Tables) -> None:
        """Check that all migrations can be reverted and applied again, and what reverting loses."""
        removals = sum(line.startswith(("remove", "destroy")) for line in self.accepted)
        revision = first["alembic_version"][0]["version_num"]
        before = self._migrate("downgrade", str(revision))
        lost = 0
        for name, rows in first.items():
            assert before[name] or not rows or removals, name
            if before[name]:
                assert _columns(before[name]) == _columns(rows), name
                columns = _columns(rows)
                lost += sum(not _keeps(rows, before[name], columns - {item}) for item in columns)
        assert lost <= removals, f"{lost} columns have other values"
        self._migrate("upgrade")

    def _schema(self) -> str:
        printed = printed_schema(self.forks)
        assert lines_of(printed_resources(printed)) == lines_of(self.resources)
        return printed

    def _add_rows(self) -> None:
        """Add two rows of each resource, with the functions of the generated tests."""
        packages = {path.parent.name for path in self.folder.glob("app/features/*/__init__.py")}
        start = "0" if not self.accepted else "317"
        self.forks.python(ADD_ROWS, start, *sorted(packages - SHIPPED))

    def _migrate(self, *command: str) -> Tables:
        """Upgrade the database, compare it with the models, and return its rows; or downgrade."""
        self.tables = json.loads(self.forks.python(MIGRATE, *command))
        return self.tables

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def printed_schema(forks: Forks) -> str:
    """Return what `app features --schema` prints, without the notes that projects begin with."""
    blocks = forks.app("features", "--schema").output.split("\n\n")
    return "\n\n".join(block for block in blocks if not block.startswith("Note\n"))


def lines_of(resources: Iterable[Resource]) -> list[list[str]]:
    """Return the lines of resources in an order that doesn't depend on that of the commands."""
    return sorted(item.lines for item in resources)


def _check_rows(change: Change, before: Tables, after: Tables) -> None:
    """Check that all values are kept, whatever the names of their columns and tables are."""
    verb = change.line[0]
    removed = {change.old, f"{change.old}_id"} if verb == "remove" else set()
    new = [table for name, table in after.items() if name not in before]
    for name, rows in before.items():
        is_removed = name not in after and (verb == "destroy" or name.endswith(f"_{change.old}"))
        found = [after[name]] if name in after else new
        kept = name.startswith("alembic_") or any(_keeps(rows, table, removed) for table in found)
        assert kept or (is_removed and verb in {"destroy", "remove"}), f"{name}: {rows} → {found}"


def _keeps(rows: list[Row], others: list[Row], removed: set[str]) -> bool:
    """Return whether each value is in the same row of another table, in some column."""
    if not rows or "id" not in rows[0]:
        return _values(rows) == _values(others)
    found = {row.get("id"): row for row in others}
    if not all(row["id"] in found for row in rows):
        return False
    vectors = [[found[row["id"]][name] for row in rows] for name in _columns(others)]
    return all(
        any(all(map(_is_same, [row[name] for row in rows], vector)) for vector in vectors)
        for name in _columns(rows) - removed
    )


def _is_same(old: str | None, new: str | None) -> bool:
    if old is None or old == new:
        return True  # an optional field may have got a default
    try:
        return new is not None and float(old) == float(new)
    except ValueError:
        return False


def _values(rows: list[Row]) -> list[list[str]]:
    return sorted(sorted(map(str, row.values())) for row in rows)


def _columns(rows: list[Row]) -> set[str]:
    return set(rows[0]) if rows else set()
