"""What docs/auth.md says about settings and roles is so; test_removal.py deletes what it shows."""

import re
import sqlite3
import subprocess
from contextlib import closing

import fireup
from tests.baking import PROJECT, TEMPLATE, Bake
from tests.serving import environment

PAGE = (TEMPLATE / "docs" / "auth.md").read_text(encoding="utf-8")
MIGRATION = re.compile(r"`(\d+_\w+\.py)` in `(.+)`:\n\n```python\n((?:.*\n)+?)```\n")


def test_every_setting_of_accounts_is_named() -> None:
    defined = re.findall(r"^# (AUTH_\w+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)

    assert len(defined) > 20
    assert set(re.findall(r"`(AUTH_\w+)`", PAGE)) == set(defined)


def test_role_is_made_by_the_migration_that_is_shown(bake: Bake) -> None:
    project = bake()
    python = fireup.install(PROJECT / "requirements-dev.txt")
    [(name, folder, code)] = MIGRATION.findall(PAGE)
    (project / folder / name).write_text(code, encoding="utf-8")

    def run(*arguments: str) -> None:
        variables = {**environment(), "SECRET_KEY": "a key that protects nothing at all"}
        subprocess.run([python, *arguments], cwd=project, env=variables, check=True)

    run("-m", "app", "db", "upgrade")
    run("-m", "app", "db", "check")
    with closing(sqlite3.connect(project / "app.db")) as database:
        roles = database.execute("SELECT name, permissions FROM roles").fetchall()
    run("-m", "app", "db", "downgrade", "-1")
    run("-m", "ruff", "check", "--no-cache", folder)

    assert roles == [("support", '["notes:read-all"]')]
