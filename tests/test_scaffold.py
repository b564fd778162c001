"""Resources are written, changed and taken back in generated projects, on both databases.

The example is the one of the documentation; the batch is drawn by chance (tests/drawing.py), and is
the same for the same SCAFFOLD_SEED.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.baking import Bake, tree
from tests.drawing import AUTHOR, BOOK, RATING, draw_commands
from tests.serving import Visitor, environment, run_dev, serving

NOTES = ("app/features/notes", "tests/features/notes")
DRAWN = 40

POSTGRES = """
import sys
from tests.postgres import running_postgres
with running_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_resources_come_change_and_go(
    bake: Bake, tmp_path: Path, type_cache: Path, database: str
) -> None:
    project = installed(bake())
    with database_of(project, database):
        printed = run_app(project, "setup")
        commit(project)
        credentials = re.search(r"(admin@example\.com)\s+(\S{12,})\s", printed)
        assert credentials

        run_app(project, f"new resource {AUTHOR}")
        run_app(project, f"new resource {BOOK}")
        assert git(project, "diff", "--name-only") == ""
        assert "nothing to do" in run_app(project, f"new resource {BOOK}")
        run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
        run_dev(
            project,
            *("test", "-n", "auto", "--database", database, "tests/features/authors"),
            *("tests/features/books", "tests/test_access.py", "tests/test_migrations.py"),
        )
        log = tmp_path / "server.txt"
        book = visit_and_add_a_book(project, log, *credentials.groups())

        run_app(project, f"add field Book {RATING}")
        run_app(project, "db upgrade")
        run_app(project, "db check")
        run_dev(project, "test", "-n", "auto", "--database", database, "tests/features/books")
        assert read_rating(project, log, book, *credentials.groups()) == 3

        run_app(project, "db downgrade -3")
        assert "refers to it" in run_app(project, "destroy Author --force", fails=True)
        run_app(project, "destroy Book --force")
        run_app(project, "destroy Author --force")
        assert git(project, "status", "--porcelain") == ""
        run_app(project, "db check")


def test_notes_are_what_the_command_writes(bake: Bake) -> None:
    project = installed(bake())
    written = re.search(
        r"^ *app (new resource Note .*)$",
        (project / "app/features/notes/__init__.py").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert written
    shipped = {folder: tree(project / folder) for folder in NOTES}
    first = project / "migrations/versions/0002_notes.py"
    migration = first.read_text(encoding="utf-8")
    first.write_text(migration.replace('"notes"', '"old_notes"'), encoding="utf-8")
    before = set(first.parent.glob("*.py"))
    for folder in NOTES:
        shutil.rmtree(project / folder)

    run_app(project, written[1])

    assert {folder: tree(project / folder) for folder in NOTES} == shipped
    (new,) = set(first.parent.glob("*.py")) - before
    assert without_ids(new.read_text(encoding="utf-8")) == without_ids(migration)


def test_drawn_resources_pass_their_own_tests(bake: Bake, type_cache: Path) -> None:
    seed = int(os.environ.get("SCAFFOLD_SEED", "1"))
    project = installed(bake())
    run_app(project, "setup")

    for command in draw_commands(DRAWN, Random(seed)):  # noqa: S311 - to be repeated
        run_app(project, f"new resource {shlex.join(command.words)}")

    assert len(list((project / "app/features").glob("*/routes.py"))) >= DRAWN
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    for database, chosen in (
        ("sqlite", ["tests/features", "tests/test_access.py", "tests/test_migrations.py"]),
        ("postgresql", ["tests/test_migrations.py"]),
    ):
        run_dev(project, "test", "-n", "auto", "--database", database, *chosen)


def installed(project: Path) -> Path:
    """Install what the project needs, the tools of developers too."""
    run_dev(project, "app", "new", "--help")
    return project


def commit(project: Path) -> None:
    """Commit the project as its owner does."""
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    git(project, *who, "commit", "--quiet", "--message", "Begin")


def git(project: Path, *arguments: str) -> str:
    """Ask git, or tell it something."""
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_app(project: Path, line: str, *, fails: bool = False) -> str:
    """Run `app …`, and return what it printed; it has to end well, or to fail in a sentence."""
    python = project / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "app", *shlex.split(line)],
        cwd=project,
        env=environment(),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == (1 if fails else 0), f"app {line}:\n{done.stdout}"
    assert "Traceback" not in done.stdout
    return done.stdout


@contextmanager
def database_of(project: Path, kind: str) -> Iterator[None]:
    """Let the project use such a database."""
    if kind == "sqlite":
        yield
        return
    command = [str(project / ".venv" / "bin" / "python"), "-c", POSTGRES]
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        (project / ".env").write_text(f"DATABASE_URL={url}\n", encoding="utf-8")
        try:
            yield
        finally:
            process.communicate()


def visit_and_add_a_book(project: Path, log: Path, email: str, password: str) -> str:
    """Look at what a resource has on a served project, add a row, and return its address."""
    with serving(project, log) as server:
        visitor = Visitor(server.address)
        assert "/api/v1/books" in visitor.get("/openapi.json").body["paths"]
        visitor.fill_in("/login", email=email, password=password)
        for page in ("/books", "/books/new", "/admin/book/list"):
            assert visitor.get(page).status == 200
        token = sign_in(visitor, email, password)
        author = visitor.post_json("/api/v1/authors", {"name": "Ada"}, token).body
        book = {"title": "One", "isbn": "1", "price": "9.00", "author_id": author["id"], "tags": []}
        added = visitor.post_json("/api/v1/books", book, token)
        assert added.status == 201, added.text
        return f"/api/v1/books/{added.body['id']}"


def read_rating(project: Path, log: Path, book: str, email: str, password: str) -> int:
    """Return what the row has in the field that came later."""
    with serving(project, log) as server:
        visitor = Visitor(server.address)
        return int(visitor.get(book, sign_in(visitor, email, password)).body["rating"])


def sign_in(visitor: Visitor, email: str, password: str) -> str:
    """Return an access token."""
    answer = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
    return str(answer.body["access_token"])


def without_ids(migration: str) -> list[str]:
    """Return the lines of a migration but for those that name it and the one before."""
    ids = re.compile(r"((down_)?revision = |Revision ID: |Revises: )")
    return [line for line in migration.splitlines() if not ids.match(line)]
