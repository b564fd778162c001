"""What the scaffolder reads in the features that are there."""

from pathlib import Path

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.grammar import ScaffoldError
from scaffold.migration import revisions_of
from scaffold.names import Names
from scaffold.project import Project, option_of, specs_of
from scaffold.resource import wrap_command

COMMANDS = r'''r"""Book reviews.

These commands wrote them, and they are yours to change:

    app new resource BookReview title:str=200 \
        book:ref=Book --access shared --plural book_reviews
    app add field BookReview stars:int:default=3
"""
'''


@pytest.fixture
def project(tmp_path: Path) -> Project:
    reviews = tmp_path / "app/features/book_reviews"
    keys = tmp_path / "app/features/keys"
    for folder in (reviews, keys):
        folder.mkdir(parents=True)
    (reviews / "__init__.py").write_text(COMMANDS)
    (keys / "__init__.py").write_text('"""Keys, written by hand."""\n')
    (keys / "models.py").write_text('class Key(Owned, Record):\n    __tablename__ = "keys"\n')
    (keys / "service.py").write_text("def keys_for(scope):\n    ...\n")
    return Project(tmp_path)


def test_commands_are_read_from_the_docstring(project: Project) -> None:
    first, second = project.commands_of("book_reviews")

    assert first[:5] == ("app", "new", "resource", "BookReview", "title:str=200")
    assert second == ("app", "add", "field", "BookReview", "stars:int:default=3")
    assert specs_of([first, second]) == ["title:str=200", "book:ref=Book", "stars:int:default=3"]
    assert (option_of(first, "--access"), option_of(second, "--access")) == ("shared", None)


def record(project: Project, *lines: str) -> None:
    """Write the command lines of a feature."""
    text = "\n".join(f"    {line}" for line in lines)
    (project.features / "keys/__init__.py").write_text(f'r"""Keys.\n\nThis wrote them:\n\n{text}\n"""\n')


def test_command_is_read_as_it_was_typed(project: Project) -> None:
    command = ("app", "new", "resource", "Key", "state:str=40:default=Not set; <b>$HOME *", "x:int", *["y:str"] * 30)

    record(project, *wrap_command(command))

    assert project.commands_of("keys") == [command]


def test_command_that_cannot_be_read_is_told(project: Project) -> None:
    record(project, "app new resource Key a:str:default=don't")

    with pytest.raises(ScaffoldError, match=r"keys/__init__\.py"):
        project.commands_of("keys")


def test_resources_are_found_by_name(project: Project) -> None:
    assert project.package_of("BookReview") == "book_reviews"
    assert project.package_of("Key") == "keys"
    assert project.package_of("Book") is None


def test_resource_written_by_hand_can_be_referred_to(project: Project) -> None:
    target = project.find_target("Key")

    assert target
    assert (target.plural, target.access, target.title_field) == ("keys", "owned", None)


def test_unknown_resource_is_guessed(project: Project) -> None:
    assert "did you mean BookReview?" in project.unknown("BookRevew")


def test_model_written_by_hand_is_named_with_what_to_do(project: Project) -> None:
    told = project.unknown("Key")

    assert told.startswith("Key is in app/features/keys/models.py, which `app new resource` did not write: ")
    assert "`app db revision -m …`" in told


def test_circle_of_references_is_seen_through_other_features(project: Project) -> None:
    for name, imports in (("loans", "book_reviews"), ("book_reviews", "keys")):
        (project.features / name).mkdir(exist_ok=True)
        code = f"from app.features.{name} import service\nfrom app.features.{imports}.models import X\n"
        (project.features / name / "models.py").write_text(code)
    record(project, "app new resource Key a:str")
    (project.features / "loans/__init__.py").write_text('"""Loans.\n\nThis:\n\n    app new resource Loan a:str\n"""\n')

    target = project.find_target("Loan")

    assert target
    assert target.refers_to == {"book_reviews", "keys"}


def test_resource_keeps_its_package_when_rules_of_plurals_change(project: Project) -> None:
    (project.features / "matrixes").mkdir()
    (project.features / "matrixes/__init__.py").write_text('"""M.\n\nThis:\n\n    app new resource Matrix a:str\n"""\n')

    resource = project.resource_of("matrixes")

    assert resource
    assert resource.plural == "matrixes"


def test_table_of_the_project_is_not_made_twice(project: Project) -> None:
    problems = project.problems_of(Names("Lock", "keys"))

    assert any("app/features/keys/models.py has a table keys already" in problem for problem in problems)


def test_migration_belongs_to_the_feature_that_its_table_names_in_full(project: Project) -> None:
    """So that the one of news_items stays where news go."""
    versions = project.root / "migrations/versions"
    versions.mkdir(parents=True)
    tables = (("news", None), ("news_staff", "news"), ("news_items", "news_staff"))
    for table, before in tables:
        code = f'revision = {table!r}\ndown_revision = {before!r}\nop.create_table("{table}")\n'
        (versions / f"{table}.py").write_text(f"from unittest.mock import Mock\n\nop = Mock()\n{code}")
    for package in ("news", "news_items"):
        (project.features / package).mkdir()
        (project.features / package / "__init__.py").touch()

    news, items = revisions_of(project.root, "news"), revisions_of(project.root, "news_items")

    assert (news.scripts, news.stay) == ([], True)
    assert ([script.revision for script in items.scripts], items.stay) == (["news_items"], False)
