"""Text search finds the same rows on both databases, in any script and locale. The tests' locale is C."""

# ruff: noqa: RUF001 - many scripts

import sys
import unicodedata

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from app.api.pagination import where_contains
from app.database.engine import fold_text
from app.database.search import MAX_SEARCH_LENGTH
from app.errors import InvalidRequest
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

TITLES = {
    "german": ["MÜLLER AG", "müller gmbh", "Mu\u0308ller & Co", "Muller"],
    "sharp-s": ["Hauptstraße 1", "HAUPTSTRASSE 2"],
    "russian": ["ПРИВЕТ мир", "Привет"],
    "greek": ["Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφος"],
    "turkish": ["İstanbul", "istanbul", "I\u0307stanbul"],
    "french": ["café", "cafe\u0301", "CAFÉ"],
    "full-width": ["ＴＯＫＹＯ", "Tokyo"],
    "ligature": ["Oﬃce", "office"],
    "armenian": ["Հայաստան", "ՀԱՅԱՍՏԱՆ"],
    "japanese": ["ｶﾞラス", "ガラス"],
    "wildcards": ["100 %_/ sure", "100 ％＿／ sure"],
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("müller", TITLES["german"][:3]),
        ("MU\u0308LLER", TITLES["german"][:3]),
        ("hauptstrasse", TITLES["sharp-s"]),
        ("STRAẞE", TITLES["sharp-s"]),
        ("привет", TITLES["russian"]),
        ("ΣΊΣΥΦΟΣ", TITLES["greek"]),
        ("σίσυφος", TITLES["greek"]),
        ("ISTANBUL", TITLES["turkish"]),
        ("CAFE\u0301", TITLES["french"]),
        ("tokyo", TITLES["full-width"]),
        ("OFFICE", TITLES["ligature"]),
        ("հայաստան", TITLES["armenian"]),
        ("ガラス", TITLES["japanese"]),
        ("%_/", TITLES["wildcards"]),
        ("％", TITLES["wildcards"]),
        ("_s", []),
    ],
)
def test_search_finds_the_same_rows_on_each_database(
    client: TestClient, ada: User, query: str, found: list[str]
) -> None:
    async def search(session: AsyncSession) -> list[str]:
        titles = [title for titles in TITLES.values() for title in titles]
        session.add_all([SampleNote(title=title, body="", owner_id=ada.id) for title in titles])
        await session.flush()
        rows = await session.scalars(where_contains(select(SampleNote), query, SampleNote.title))
        return [row.title for row in rows]

    assert sorted(in_database(client, search)) == sorted(found)


def test_databases_fold_text_like_python(client: TestClient) -> None:
    """Compares all characters with another case or form in Python's Unicode version; the server's may be newer."""
    characters = [chr(number) for number in range(1, sys.maxunicode + 1) if not 0xD800 <= number < 0xE000]
    changing = [
        character
        for character in characters
        if {character.lower(), character.upper(), unicodedata.normalize("NFKC", character)} != {character}
    ]
    assert len(changing) > 7_000

    words = [" ".join(changing[start::20]) for start in range(20)]

    async def fold_all(session: AsyncSession) -> list[str | None]:
        return [await session.scalar(select(func.fold_text(word))) for word in [*words, None]]

    assert in_database(client, fold_all) == [fold_text(word) for word in [*words, None]]


@pytest.mark.any_database
def test_search_text_is_limited_to_200_characters() -> None:
    where_contains(select(SampleNote), "é" * MAX_SEARCH_LENGTH, SampleNote.title)

    with pytest.raises(InvalidRequest):
        where_contains(select(SampleNote), "é" * (MAX_SEARCH_LENGTH + 1), SampleNote.title)
