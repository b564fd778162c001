"""Names and plurals."""

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.names import article, camel, snake
from scaffold.plurals import plural, singular


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("book", "books"),
        ("category", "categories"),
        ("day", "days"),
        ("box", "boxes"),
        ("status", "statuses"),
        ("house", "houses"),
        ("movie", "movies"),
        ("address", "addresses"),
        ("branch", "branches"),
        ("person", "people"),
        ("child", "children"),
        ("analysis", "analyses"),
        ("quiz", "quizzes"),
        ("shelf", "shelves"),
        ("book_review", "book_reviews"),
        ("sales_person", "sales_people"),
        ("api_key", "api_keys"),
        ("matrix", "matrices"),
        ("axis", "axes"),
        ("vertex", "vertices"),
        ("cactus", "cacti"),
        ("curriculum", "curricula"),
        ("diagnosis", "diagnoses"),
        ("alias", "aliases"),
        ("lens", "lenses"),
        ("cache", "caches"),
        ("size", "sizes"),
        ("pie", "pies"),
        ("epoch", "epochs"),
    ],
)
def test_plural_and_back(one: str, many: str) -> None:
    assert plural(one) == many
    assert singular(many) == one
    assert singular(one) is None


@pytest.mark.parametrize("word", ["news", "staff", "metadata"])
def test_uncountable_word_is_unchanged(word: str) -> None:
    assert plural(word) == word
    assert singular(word) is None


@pytest.mark.parametrize(
    ("name", "written"), [("BookReview", "book_review"), ("HTTPServer", "http_server"), ("Iso4217Code", "iso4217_code")]
)
def test_snake_case(name: str, written: str) -> None:
    assert snake(name) == written


def test_camel_case() -> None:
    assert camel("book_review") == "BookReview"


@pytest.mark.parametrize(("word", "expected"), [("author", "an"), ("user", "a"), ("uncle", "an"), ("hour", "an")])
def test_article(word: str, expected: str) -> None:
    assert article(word) == expected
