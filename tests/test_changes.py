"""Fields and resources are changed in a generated project, on both databases, and rows are kept."""

import shutil
from pathlib import Path

import pytest

from tests.baking import Bake
from tests.random_resources import AUTHOR, BOOK
from tests.serving import run_dev, run_in
from tests.test_scaffold import GENRE, change, commit, database_of, git, installed, run_app

BY_HAND = '''

async def sort_titles(session: AsyncSession, scope: Scope) -> list[str]:
    """Return the titles in alphabetical order."""
    rows = await session.scalars(books_for(scope).order_by(Book.title))
    return [row.title for row in rows]
'''
ADD_ROWS = """
import asyncio
from datetime import UTC, datetime
from uuid import uuid4
from sqlalchemy import insert
from app import features
from app.accounts.models import User
from app.database.base import Base
from app.database.connection import open_database
from app.settings.config import load_settings

NOW = datetime.now(UTC)
STAMPS = {"version": 1, "created_at": NOW, "updated_at": NOW}

async def add():
    features.load_models()
    author, genre, book = uuid4(), uuid4(), uuid4()
    async with open_database(load_settings().database) as opened, opened.engine.begin() as database:
        owner = (await database.execute(User.__table__.select())).first().id
        own = {"owner_id": owner, **STAMPS}
        about = {"title": "One", "isbn": "1", "price": 9, "tags": ["old"], "author_id": author}
        for name, row in (
            ("authors", {"id": author, "name": "Ada", **own}),
            ("authors_friends", {"author_id": author, "friend_id": author}),
            ("genres", {"id": genre, "name": "Novel", **STAMPS}),
            ("books", {"id": book, **about, **own}),
            ("books_genres", {"book_id": book, "genre_id": genre}),
        ):
            await database.execute(insert(Base.metadata.tables[name]).values(row))

asyncio.run(add())
"""
RUN = """
import asyncio
import sys
from sqlalchemy import text
from app.database.connection import open_database
from app.settings.config import load_settings

async def run():
    async with open_database(load_settings().database) as opened, opened.engine.begin() as database:
        result = await database.execute(text(sys.argv[1]))
        print(*result.one() if result.returns_rows else ())

asyncio.run(run())
"""

GRANT = (
    """UPDATE roles SET permissions = '["users:read", "menus:edit"]'""",
    """INSERT INTO api_keys (
        id, owner_id, version, created_at, updated_at, expires_at, name, prefix, key_hash, scopes
    ) VALUES (
        (SELECT id FROM users), (SELECT id FROM users), 1, '2026-01-01 00:00:00+00',
        '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 'Menus', 'abcdefgh', '',
        '["read", "menus:edit"]'
    )""",
)
"""Give the permission to edit menus to a role and to an API key."""
READ_GRANTS = "SELECT CAST(permissions AS TEXT), CAST(scopes AS TEXT) FROM roles, api_keys"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_fields_are_changed_and_rows_are_kept(bake: Bake, type_cache: Path, database: str) -> None:
    project = installed(bake())
    with database_of(project, database):
        run_app(project, "setup")
        for line in (f"{AUTHOR} friends:many=Author", GENRE, f"{BOOK} genres:many=Genre"):
            run_app(project, f"new resource {line}")
        run_app(project, "db upgrade")
        python(project, ADD_ROWS)

        run_app(project, "add field Author debut:ref=Book:optional born:date:optional")
        for command in ("upgrade", "check"):
            run_app(project, f"db {command}")
        python(project, RUN, "UPDATE authors SET debut_id = (SELECT id FROM books)")
        for command in ("downgrade -1", "upgrade", "check"):
            run_app(project, f"db {command}")
        python(project, RUN, "UPDATE authors SET debut_id = (SELECT id FROM books)")

        run_app(project, "remove field Book pages")
        run_app(project, "rename field Book isbn ean")
        run_app(project, "rename field Book author writer")
        run_app(project, "rename field Book genres kinds")
        run_app(project, "rename field Author friends peers")
        run_app(project, "db upgrade")
        run_app(project, "db check")

        joined = (
            "SELECT title, ean, authors.name, genres.name FROM books"
            " JOIN authors ON authors.id = writer_id"
            " JOIN books_kinds ON book_id = books.id JOIN genres ON genres.id = genre_id"
        )
        assert python(project, RUN, joined) == "One 1 Ada Novel\n"
        peers = "SELECT count(*) FROM authors_peers WHERE author_id = peer_id"
        assert python(project, RUN, peers) == "1\n"
        run_app(project, "db downgrade -5")
        assert python(project, RUN, "SELECT title, isbn, pages FROM books") == "One 1 None\n"
        run_app(project, "db upgrade")
        assert python(project, RUN, joined) == "One 1 Ada Novel\n"

        run_app(
            project,
            "change field Book title:str=2:unique ean:text status:str=9 tags:list=str:optional",
        )
        refused = run_app(project, "db upgrade", fails=True)
        assert "1 books have a title of more than 2 characters: change them first" in refused
        python(project, RUN, "UPDATE books SET title = 'On'")
        for command in ("upgrade", "check", "downgrade -1", "upgrade", "check"):
            run_app(project, f"db {command}")
        assert python(project, RUN, "SELECT title, ean, status FROM books") == "On 1 draft\n"

        run_app(project, "rename resource Author Novelist")
        run_app(project, "rename resource Genre Style --plural style_list")
        run_app(project, "rename resource Book Volume")
        joined = (
            "SELECT title, novelists.name, style_list.name FROM volumes"
            " JOIN novelists ON novelists.id = writer_id"
            " JOIN volumes_kinds ON volume_id = volumes.id"
            " JOIN style_list ON style_list.id = style_id"
        )
        for command in ("upgrade", "check", "downgrade -3", "upgrade", "check"):
            run_app(project, f"db {command}")
        assert python(project, RUN, joined) == "On Ada Novel\n"
        debut = "SELECT title FROM volumes JOIN novelists ON volumes.id = debut_id"
        assert python(project, RUN, debut) == "On\n"
        refused = run_app(project, "destroy Volume --force", fails=True)
        assert "novelists/service.py refers to volumes" in refused
        run_app(project, "new resource Author name:str --migrate")  # nothing has its old names
        assert not (project / "app/features/books").exists()
        if database == "sqlite":
            run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
        folders = (f"tests/features/{name}" for name in ("novelists", "style_list", "volumes"))
        run_dev(project, "test", "--database", database, *folders)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_permission_is_renamed_with_its_resource(bake: Bake, database: str) -> None:
    project = installed(bake())
    with database_of(project, database):
        run_app(project, "setup")
        run_app(project, "new resource Menu title:str --access public --no-pages --migrate")
        for statement in GRANT:
            python(project, RUN, statement)

        run_app(project, "rename resource Menu Dish")

        for command, permission in (("upgrade", "dishes"), ("downgrade -1", "menus")):
            run_app(project, f"db {command}")
            granted = python(project, RUN, READ_GRANTS)
            assert granted == f'["users:read", "{permission}:edit"] ["read", "{permission}:edit"]\n'


def test_added_title_is_shown_where_other_rows_refer_to_it(bake: Bake) -> None:
    project = installed(bake())
    for line in ("new resource Shelf number:int", "new resource Box shelf:ref=Shelf"):
        run_app(project, line)

    run_app(project, "add field Shelf label:str=40:optional")

    details = project / "app/features/boxes/templates/boxes/details.html"
    assert "seen.label" in details.read_text(encoding="utf-8")


def test_code_by_hand_follows_or_is_named(bake: Bake) -> None:
    project = installed(bake())
    run_app(project, f"new resource {AUTHOR}")
    run_app(project, f"new resource {BOOK}")
    service = project / "app/features/books/service.py"
    service.write_text(service.read_text(encoding="utf-8") + BY_HAND, encoding="utf-8")
    run_app(project, "translate update de")
    refused = run_app(project, "remove field Book title", fails=True)
    shown = project / "app/features/books/templates/books/show.html"
    change(shown, "<h1>", '<h1 class="big">')
    commit(project)

    planned = run_app(project, "rename field Book title heading --dry-run")
    unknown = run_app(project, "rename field Book titel heading", fails=True)
    lossy = run_app(
        project, "change field Book title:date author:ref=Note tags:list=int", fails=True
    )
    taken = run_app(project, "rename field Book title isbn", fails=True)

    assert (
        "app/features/books/service.py uses title: change this line first: rows = await" in refused
    )
    assert "would be changed  app/features/books/models.py" in planned
    assert "did you mean title?" in unknown
    assert all(
        name in lossy for name in ("title: str can be changed to text", "author refers", "tags:")
    )
    assert "already has isbn: use another name" in taken
    assert git(project, "status", "--porcelain") == ""

    printed = run_app(project, "rename field Book title heading")

    text = service.read_text(encoding="utf-8")
    assert "books_for(scope).order_by(Book.heading)" in text
    assert "return [row.title for row in rows]" in text
    number = text.splitlines().index("    return [row.title for row in rows]") + 1
    assert f"service.py, line {number}: return [row.title for row in rows]" in printed
    assert "Texts of this feature have changed" in printed
    assert '<h1 class="big">{{ book.heading }}</h1>' in shown.read_text(encoding="utf-8")

    run_app(project, "rename resource Book Volume --dry-run")
    change(service, "Book.heading)", "Book.heading.desc())")
    change(shown, "book.heading", "book.heading | upper")
    commit(project)
    change(project / "app/features/books/models.py", "heading: Mapped[str]", "titel: Mapped[str]")
    collided = run_app(project, "rename field Book heading title", fails=True)

    assert "app/features/books/models.py conflicts with your changes" in collided
    assert git(project, "status", "--porcelain").count("\n") == 1


def python(project: Path, code: str, *arguments: str) -> str:
    """Run code with the project's Python and return its output."""
    done = run_in(project, [str(project / ".venv/bin/python"), "-c", code, *arguments])
    assert done.returncode == 0, done.stdout
    return done.stdout


SIDE_BY_SIDE = """
import asyncio
import os
import sys
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from app import features
from app.accounts.models import User
from app.database.connection import open_database
from app.main import create_app
from app.settings.config import load_settings

features.load_models()
from app.features.books.models import Book

async def run(name, *steps):
    database = open_database(load_settings().database)
    async with database as opened, AsyncSession(opened.engine) as session:
        owner = (await session.scalars(select(User))).first().id
        for step in steps:
            title, _, value = step.partition("=")
            book = (await session.scalars(select(Book).where(Book.title == title))).first()
            if book is None:
                session.add(Book(owner_id=owner, title=title, **{name: value}))
            else:
                setattr(book, name, value)
        await session.commit()
        books = (await session.scalars(select(Book).order_by(Book.title))).all()
        print(*(f"{book.title}={getattr(book, name)}" for book in books), end=" ")

asyncio.run(run(*sys.argv[1:]))
os.environ["LOG_LEVEL"] = "ERROR"
with TestClient(create_app(load_settings()), base_url="http://localhost") as client:
    print(client.get("/health/ready").status_code)
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_old_and_new_release_run_side_by_side(bake: Bake, database: str) -> None:
    project = installed(bake())
    with database_of(project, database):
        run_app(project, "setup")
        run_app(
            project,
            "new resource Book title:str code:str=9:index:default=0 hint:str=9:optional:index"
            " pages:int:default=1:min=0",
        )
        run_app(project, "db upgrade")
        side(project, "code", "a=1", "b=2")
        old = project.with_name("old")
        shutil.copytree(project, old, symlinks=True)

        run_app(project, "rename field Book code mark --expand")
        for removed in ("pages", "hint"):
            run_app(project, f"remove field Book {removed} --expand")
        for line in ("rename field Book mark label", "rename resource Book Volume"):
            assert "db contract` first" in run_app(project, line, fails=True)
        run_app(project, "db upgrade")
        run_app(project, "db check")  # ignores what the contract steps will drop
        assert side(project, "mark", "b=3", "c=4") == "a=1 b=3 c=4 200"
        if database == "postgresql":
            assert side(old, "code", "a=5", "d=6") == "a=5 b=3 c=4 d=6 200"
            assert side(project, "mark") == "a=5 b=3 c=4 d=6 200"
            assert python(old, RUN, "SELECT sum(pages) FROM books") == "4\n"
        run_dev(project, "test", "--database", database, "tests/features/books")

        run_app(project, "db contract")
        for command in ("upgrade", "check", "downgrade -4", "upgrade", "check"):
            run_app(project, f"db {command}")
        assert side(project, "mark").endswith(
            " c=4 d=6 200" if database == "postgresql" else " c=4 200"
        )


def side(project: Path, *arguments: str) -> str:
    """Run one of the releases, and return its rows and its readiness."""
    return python(project, SIDE_BY_SIDE, *arguments).splitlines()[-1]
