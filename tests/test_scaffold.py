"""Resources are generated, changed and destroyed in generated projects, on both databases.

The example is that of the documentation. The random resources (tests/random_resources.py) are the
same for the same SCAFFOLD_SEED.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.baking import TEMPLATE, Bake, tree
from tests.random_fields import random_user_fields
from tests.random_resources import AUTHOR, BOOK, NAMES, RATING, random_commands
from tests.serving import IN_ONE_PROCESS, Visitor, environment, run_dev, run_in, serving

GENRE = "Genre name:str=40:unique --access shared --no-pages --no-admin"
OTHER_ACCESS = (
    "Memo title:str --read members",
    "Menu title:str --read members --write editors",
    "Rule title:str --read members --write admins",
    "Page title:str --read everyone --write members",
    "Law title:str --read everyone --write admins",
)
WEAKENED = {
    "articles/service.py": ("and article.owner_id == scope.user_id", ""),
    "comments/routes.py": ("service.get_editable_comment", "service.get_comment"),
    "memos/pages.py": ("memo: EditableMemoDep", "memo: MemoDep"),
    "menus/permissions.py": ("menus:edit", "others:edit"),
    "rules/routes.py": ("Permission.ADMIN_ACCESS", "Permission.USERS_MANAGE"),
    "pages/pages.py": ("web_session.require_visitor", "web_session.find_visitor"),
    "laws/templates/laws/show.html": ('visitor.has_permission("admin:access")', "visitor"),
}
"""File of a feature → a check in it, and a weaker one."""
FAILING = {
    "articles api only_the_owner_can_write",
    "articles pages only_the_owner_can_write",
    "articles pages only_the_owner_sees_buttons_and_forms",
    "comments api only_the_owner_can_write",
    "memos pages only_the_owner_can_write",
    "memos pages only_the_owner_sees_buttons_and_forms",
    "menus api role_of_editors_can_write",
    "rules api role_of_admins_can_write",
    "pages pages anonymous_user_cannot_write",
    "pages pages anonymous_user_is_redirected_to_sign_in",
    "pages pages everyone_can_read_and_only_signed_in_users_see_buttons_and_forms",
    "laws pages everyone_can_read_and_only_admins_see_buttons_and_forms",
}
"""The tests that fail with the weaker checks."""
NOTES = ("app/features/notes", "tests/features/notes")
RANDOM_RESOURCES, PER_TEST = 40, 10

POSTGRES = """
import sys
from tests.postgres import running_postgres
with running_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_resources_are_generated_changed_and_destroyed(
    bake: Bake, tmp_path: Path, type_cache: Path, database: str
) -> None:
    project = installed(bake())
    with database_of(project, database):
        printed = run_app(project, "setup")
        commit(project)
        credentials = re.search(r"(admin@example\.com)\s+(\S{12,})\s", printed)
        assert credentials

        run_app(project, f"new resource {AUTHOR}")
        run_app(project, f"new resource {GENRE}")
        run_app(project, f"new resource {BOOK} --migrate")
        assert git(project, "diff", "--name-only") == ""
        assert "nothing to do" in run_app(project, f"new resource {BOOK}")
        if database == "sqlite":  # formatting and types don't depend on the database
            run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
        run_dev(
            project,
            *("test", "--database", database, "tests/features/authors"),
            *(
                "tests/features/books",
                "tests/api/test_access_control.py",
                "tests/database/test_migrations.py",
            ),
        )
        log = tmp_path / "server.txt"
        book = visit_and_add_a_book(project, log, *credentials.groups())

        run_app(project, f"add field Book {RATING} slug:slug:from=title:globally --migrate")
        run_app(project, "add relation Book genres:many=Genre --migrate")
        run_app(project, "db check")
        run_dev(project, "test", "--database", database, "tests/features/books")
        row = read(project, log, book, *credentials.groups())
        assert (row["title"], row["rating"], row["genre_ids"]) == ("One", 3, [])
        assert row["slug"] == "one"  # made by the migration

        assert "-m app db downgrade" in run_app(project, "destroy Book --force", fails=True)
        run_app(project, "db downgrade -5")
        for name in ("Author", "Genre"):
            error = run_app(project, f"destroy {name} --force", fails=True)
            assert f"refers to {name.lower()}s: change that file first" in error
        for name in (
            "Book",
            "Genre",
            "Author",
        ):  # newest first, so that no table remains to be dropped
            run_app(project, f"destroy {name} --force")
        assert git(project, "status", "--porcelain") == ""
        run_app(project, "db check")


def test_rejected_command_changes_nothing(bake: Bake) -> None:
    project = installed(bake())
    commit(project)
    wrong = "new resource books title:strr isbn:str:uniqe author:ref=Reader --access ownd"

    refused = run_app(project, wrong, fails=True)
    planned = run_app(project, f"new resource {AUTHOR} --dry-run")

    for hint in ("like Book", "did you mean str?", "did you mean unique?", "Reader", "owned?"):
        assert hint in refused
    assert "would be written  app/features/authors/models.py" in planned
    assert git(project, "status", "--porcelain") == ""

    for name, old, new in (
        ("app/features/notes/models.py", "class Note(", "class ("),
        ("app/features/notes/models.py", "class Note(", "class Note(Nobody, "),
        ("scaffold/templates/resource/app/routes.py.j2", "%% endif", "%% endof"),
    ):
        change(project / name, old, new)
        assert re.search(
            rf"{name}, line \d+: ", run_app(project, f"new resource {AUTHOR}", fails=True)
        )
        git(project, "checkout", name)
    assert git(project, "status", "--porcelain") == ""


def test_change_of_a_field_leaves_the_table_of_files_alone(bake: Bake) -> None:
    project = installed(bake())
    run_app(project, "setup")
    run_app(project, "new resource Card title:str photo:image")
    before = {*(project / "migrations/versions").iterdir()}

    run_app(project, "change field Card title:str=80 photo:image:max=1MB")

    (migration,) = {*(project / "migrations/versions").iterdir()} - before
    assert '"files"' not in migration.read_text(encoding="utf-8")
    run_app(project, "db upgrade")
    run_app(project, "db check")


def test_changes_by_hand_are_kept(bake: Bake, type_cache: Path) -> None:
    project = installed(bake())
    run_app(project, f"new resource {AUTHOR} --verify", MYPY_CACHE_DIR=str(type_cache))
    commit(project)
    authors = project / "app" / "features" / "authors"
    change(authors / "service.py", "authors_for(scope).where", "authors_for(scope) .where")
    mine = git(project, "diff")

    lost = run_app(project, "destroy Author", fails=True)
    run_app(project, "add field Author born:date:optional --dry-run")

    assert "authors/service.py is not committed" in lost
    assert "authors/models.py is not committed" not in lost
    assert git(project, "diff") == mine

    change(authors / "__init__.py", "Generated by this command", "Once generated by this command")
    mine = git(project, "diff")

    collided = run_app(project, "add field Author born:date:optional", fails=True)

    assert "authors/__init__.py" in collided
    assert git(project, "diff") == mine
    assert git(project, "status", "--porcelain").count("\n") == 2

    change(authors / "__init__.py", "Once generated by this command", "Generated by this command")
    run_app(project, "add field Author born:date:optional")
    run_app(project, f"new resource {GENRE}")

    assert "authors_for(scope) .where" in (authors / "service.py").read_text(encoding="utf-8")
    assert "born" in (authors / "schemas.py").read_text(encoding="utf-8")

    run_app(project, "setup")
    dropped = run_app(project, "destroy Author --force")
    run_app(project, "db upgrade")

    assert re.search(r"written  migrations/versions/\w+_drop_the_table_of_authors\.py", dropped)
    assert f"Next, run `{project}/.venv/bin/python -m app db upgrade`." in dropped
    run_app(project, "db check")


def test_pages_and_features_are_generated(bake: Bake, type_cache: Path) -> None:
    project = installed(bake())

    run_app(project, "new page legal/imprint --title Imprint")
    run_app(project, "new feature reports")
    commit(project)
    run_app(project, "new job reports.build --schedule '0 3 * * *'")
    run_app(project, "new job reports.send")
    assert git(project, "status", "--porcelain", "--untracked-files=all").splitlines() == [
        "?? app/features/reports/jobs.py",
        "?? tests/features/reports/test_jobs.py",
    ]

    for line in ("new page legal/imprint --title Imprint", "new feature reports"):
        assert "nothing to do" in run_app(project, line)
    assert "reports" in run_app(project, "features")
    run_dev(project, "check", "lint", "types", MYPY_CACHE_DIR=str(type_cache))
    folders = ["tests/features/legal_imprint", "tests/features/reports"]
    run_dev(project, "test", "--database", "sqlite", *folders)


def test_references_show_only_visible_rows(bake: Bake) -> None:
    """A shared resource references an owned one, and a public one a shared and an owned one."""
    project = installed(bake())
    for line in (
        GENRE,
        AUTHOR,
        "Shelf author:ref=Author:on_delete=cascade authors:many=Author --access shared",
        "Post kind:ref=Genre author:ref=Author:on_delete=cascade genres:many=Genre --access public",
    ):
        run_app(project, f"new resource {line}")

    tested = run_dev(
        project,
        *("test", "--database", "both", "-k", "hidden"),
        *("tests/features/shelves", "tests/features/posts"),
    )

    assert "10 passed" in tested


def test_access_is_as_given_and_its_tests_fail_without_it(bake: Bake) -> None:
    project = installed(bake())
    documented = (TEMPLATE / "docs/resources.md").read_text(encoding="utf-8")
    for line in re.findall(r"^app (new resource .* --access published)$", documented, re.MULTILINE):
        run_app(project, line)
    for line in OTHER_ACCESS:
        run_app(project, f"new resource {line}")
    about = ("-k", "access or anonymous or can_ or see")
    folders = sorted({f"tests/features/{file.partition('/')[0]}" for file in WEAKENED})
    command = ["test", "--database", "sqlite", *about, *folders]
    run_dev(project, *command, "tests/api/test_access_control.py")

    for file, (check, weaker) in WEAKENED.items():
        change(project / "app/features" / file, check, weaker)
    tested = run_in(project, [sys.executable, "dev.py", *command], **IN_ONE_PROCESS).stdout

    failed = re.findall(r"^FAILED .*/(\w+)/test_(\w+)\.py::test_(\w+)", tested, re.MULTILINE)
    assert {" ".join(parts) for parts in failed} == FAILING


def test_notes_are_what_the_command_generates(bake: Bake) -> None:
    project = installed(bake())
    written = re.search(
        r"^ *app (new resource Note .*)$",
        (project / "app/features/notes/__init__.py").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert written
    shipped = {folder: tree(project / folder) for folder in NOTES}
    for folder, by_hand in zip(NOTES, ("seeds.py", "test_seeds.py"), strict=True):
        del shipped[folder][by_hand]
    feature = NOTES[0]
    code = {name: text for name, text in shipped[feature].items() if "translations" not in name}
    shipped[feature] = code
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


def test_printed_resources_generate_the_same_files(bake: Bake, tmp_path: Path) -> None:
    seed = os.environ.get("SCAFFOLD_SEED", "1")
    names = Random(seed).sample(NAMES, 15)  # noqa: S311 - to be repeated
    lines = [shlex.join(found.in_file) for found in random_commands(names, Random(seed))]  # noqa: S311
    Random(seed).shuffle(lines)  # noqa: S311
    written = tmp_path / "written.txt"
    written.write_text("\n".join(lines), encoding="utf-8")
    first, second = installed(bake()), installed(bake())
    for project in (first, second):
        commit(project)

    run_app(first, f"new resources {written} --dry-run")
    assert git(first, "status", "--porcelain") == ""
    run_app(first, f"new resources {written}")
    printed = tmp_path / "printed.txt"
    blocks = run_app(first, "features --schema").split("\n\n")
    printed.write_text(
        "\n\n".join(block for block in blocks if not block.startswith("Note\n")), encoding="utf-8"
    )
    run_app(second, f"new resources {printed}")

    for project in (first, second):
        git(project, "add", "app", "tests")
    for folder in ("app/", "tests/features/"):
        assert (
            len({git(found, "write-tree", f"--prefix={folder}") for found in (first, second)}) == 1
        )
    assert "nothing to do" in run_app(second, f"new resources {written}")


def test_file_with_errors_generates_nothing(bake: Bake, tmp_path: Path) -> None:
    project = installed(bake())
    commit(project)
    file = tmp_path / "resources.txt"
    file.write_text(
        "Shelf name:str\n"
        "Book title:strr\n    pages:int:uniqe\n    shelf:ref=Shelf author:ref=Author\n"
        "Loan book:ref=Book due:date --acces shared\n"
        "Key lock:ref=Lock\nLock key:ref=Key\n",
        encoding="utf-8",
    )

    refused = run_app(project, f"new resources {file}", fails=True)

    for hint in (
        "line 2: title:strr: strr is not a field type: did you mean str?",
        "line 3: pages:int:uniqe: uniqe is not a modifier: did you mean unique?",
        "line 4: author:ref=Author: resource Author doesn't exist",
        "line 5: No such option: --acces",
        "line 6: lock:ref=Lock: Lock refers to Key, too",
        "line 7: key:ref=Key: Key refers to Lock, too",
    ):
        assert hint in refused
    assert len(refused.splitlines()) == 7
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("part", range(RANDOM_RESOURCES // PER_TEST))
def test_random_resources_pass_their_own_tests(
    bake: Bake, tmp_path: Path, type_cache: Path, part: int
) -> None:
    seed = int(os.environ.get("SCAFFOLD_SEED", "1"))
    names = Random(seed).sample(NAMES, RANDOM_RESOURCES)[part * PER_TEST :][:PER_TEST]  # noqa: S311 - to be repeated
    project = installed(bake())
    run_app(project, "setup")
    shipped = set((project / "tests/features").iterdir())

    random = Random(f"{seed}.{part}")  # noqa: S311
    commands = random_commands(names, random)
    if part % 2:
        file = tmp_path / "resources.txt"
        file.write_text("\n".join(shlex.join(command.in_file) for command in commands))
        run_app(project, f"new resources {file}")
    else:
        for command in commands:
            run_app(project, f"new resource {shlex.join(command.arguments)}")
        for command in filter(lambda found: found.later, commands):
            run_app(project, f"add relation {command.name} {shlex.join(command.later)}")
    run_app(project, f"add field User {shlex.join(random_user_fields(random))}")

    generated = set((project / "tests/features").iterdir()) - shipped
    assert len(generated) == PER_TEST
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    for database, chosen in (
        (
            "sqlite",
            [
                *map(str, sorted(generated)),
                "tests/accounts/test_user_motto.py",
                "tests/api/test_access_control.py",
                "tests/database/test_migrations.py",
            ],
        ),
        ("postgresql", ["tests/database/test_migrations.py"]),
    ):
        run_dev(project, "test", "--database", database, *chosen)


COLLIDING = (
    "Section title:str=200 --access shared",
    "Filter title:str=200:search kind:enum=a,b:index --under Section",
    "Session method:str=20 --under Filter",
    "Language labels:str=20 --access shared",
)
"""Resources and a field that have names of template variables, functions and attributes."""


def test_names_that_pages_use_are_kept_apart(bake: Bake) -> None:
    project = installed(bake())
    run_app(project, "setup")
    for line in COLLIDING:
        run_app(project, f"new resource {line}")

    names = ("sections", "filters", "sessions", "languages")
    pages = [f"tests/features/{name}/test_pages.py" for name in names]
    run_dev(project, "test", "--database", "sqlite", *pages)


def installed(project: Path) -> Path:
    """Install the packages of the project, including those for development."""
    run_dev(project, "app", "new", "--help")
    return project


def change(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def commit(project: Path) -> None:
    """Commit all files of the project."""
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    git(project, *who, "commit", "--quiet", "--message", "Begin")


def git(project: Path, *arguments: str) -> str:
    """Run git and return its output."""
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_app(project: Path, line: str, *, fails: bool = False, **variables: str) -> str:
    """Run `app …` and return its output. It must succeed, or fail without a traceback."""
    python = project / ".venv" / "bin" / "python"
    done = run_in(project, [str(python), "-m", "app", *shlex.split(line)], **variables)
    assert done.returncode == (1 if fails else 0), f"app {line}:\n{done.stdout}"
    assert "Traceback" not in done.stdout
    return done.stdout


@contextmanager
def database_of(project: Path, kind: str) -> Iterator[None]:
    """Let the project use this database."""
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
    """Open the pages of a resource on a running server, add a row, and return its URL."""
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


def read(project: Path, log: Path, address: str, email: str, password: str) -> dict[str, Any]:
    """Return the JSON at a URL of a running server."""
    with serving(project, log) as server:
        visitor = Visitor(server.address)
        answer = visitor.get(address, sign_in(visitor, email, password))
        assert answer.status == 200, answer.text
        return dict(answer.body)


def sign_in(visitor: Visitor, email: str, password: str) -> str:
    """Return an access token."""
    answer = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
    return str(answer.body["access_token"])


def without_ids(migration: str) -> list[str]:
    """Return the lines of a migration, without its ids and the explanation in its docstring."""
    left_out = re.compile(
        r"((down_)?revision = |Revision ID: |Revises: |If the previous release|$)"
    )
    return [line for line in migration.splitlines() if not left_out.match(line)]
