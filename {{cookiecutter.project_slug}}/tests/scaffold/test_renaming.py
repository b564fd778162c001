"""Python code by hand follows a rename only where it certainly means the resource."""

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.renaming import rename
from scaffold.symbols import Symbols

pytestmark = pytest.mark.any_database

MODELS = """
class Book(Record):
    title: Mapped[str]

class BookTitleTaken(Taken):
    field = "title"
"""
RENAMED = MODELS.replace("title", "heading").replace("Title", "Heading")
MODULE = "app.features.tomes.models"


def symbols() -> Symbols:
    found = Symbols(in_order=True)
    found.add(MODULE, MODELS, RENAMED)
    return found


@pytest.mark.parametrize(
    ("code", "renamed"),
    [
        ("from app.features.tomes.models import Book\nBook.title", "Book.heading"),
        (
            "from app.features.tomes.models import Book as Row\nRow.title; Row(title=1)",
            "Row.heading; Row(heading=1)",
        ),
        ("from app.features.tomes import models\nmodels.Book.title", "models.Book.heading"),
        ("from app.features.tomes.models import BookTitleTaken\nraise BookTitleTaken", "raise BookHeadingTaken"),
        (
            "from app.features.tomes.models import Book\ndef f(book: Book | None) -> str:\n    return book.title",
            "    return book.heading",
        ),
        (
            "from app.features.tomes.models import Book\nDep = Annotated[Book, 1]\nasync def f(é: Dep):\n    é.title",
            "    é.heading",
        ),
    ],
    ids=["class", "alias", "module", "import", "parameter", "annotated"],
)
def test_certain_names_are_renamed(code: str, renamed: str) -> None:
    assert rename(code, "app.features.shops.service", symbols(), "x.py").text.splitlines()[-1] == renamed


@pytest.mark.parametrize(
    "code",
    [
        "from app.features.tools.models import Book\nBook.title",
        "from app.features.tomes.models import Book\ndef f(book: Note):\n    book.title",
        "from app.features.tomes.models import Book\ndef f(Book):\n    Book.title",
        "from app.features.tomes.models import Book\ndef f(book: Book):\n    book = other()\n    book.title",
        'from app.features.tomes.models import Book\n"title"; title = 1; note.title',
    ],
    ids=["another-module", "another-class", "shadowed", "reassigned", "words"],
)
def test_other_names_are_kept(code: str) -> None:
    assert rename(code, "app.features.shops.service", symbols(), "x.py").text == code


def test_uses_of_removed_names_are_found() -> None:
    removed = Symbols()
    removed.add(MODULE, MODELS, MODELS.replace("    title: Mapped[str]", "    pass"))
    code = "from app.features.tomes.models import Book\n\nBook.title"

    assert rename(code, "app.features.shops.service", removed, "x.py").removed == [("Book.title", "title")]
