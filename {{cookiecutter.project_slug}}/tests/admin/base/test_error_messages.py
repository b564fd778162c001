"""Error messages for data that can't be saved, in cases that no form reaches."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError
from starlette.testclient import TestClient
from starlette_admin.fields import DateTimeField, DecimalField, IntegerField, PasswordField, StringField

from app.accounts.models import User
from app.admin.base.error_messages import EDIT_CONFLICT, explain, is_data_error
from app.admin.base.form_parsing import InvalidInput
from app.admin.base.saving import clean_value
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

NOTES: Any = SampleNote.__table__


def error_of(client: TestClient, statement: Any) -> Exception:
    """Return the error of a statement."""

    async def run(session: AsyncSession) -> None:
        await session.execute(statement)

    with pytest.raises(Exception) as raised:  # noqa: PT011 - each driver has its own
        in_database(client, run)
    return raised.value


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(SampleNote.version == 10**30, id="too-large"),
        pytest.param(SampleNote.created_at == datetime(2026, 1, 1), id="time-without-a-zone"),  # noqa: DTZ001
        pytest.param(SampleNote.id == "junk", id="malformed-key"),
    ],
)
def test_out_of_range_value_is_a_data_error(client: TestClient, condition: ColumnElement[bool]) -> None:
    error = error_of(client, select(SampleNote).where(condition))

    assert is_data_error(error)
    assert explain(error, NOTES, {}) == {"": "A value is too long or out of range."}


@pytest.mark.database("postgresql")  # SQLite stores any text
@pytest.mark.parametrize("title", ["a\x00b", "x" * 201])
def test_text_rejected_by_the_database_is_a_data_error(client: TestClient, ada: User, title: str) -> None:
    error = error_of(client, NOTES.insert().values(id=uuid4(), title=title, owner_id=ada.id, version=1, body=""))

    assert is_data_error(error)


def test_missing_reference_has_a_message_without_sql(client: TestClient) -> None:
    error = error_of(client, NOTES.insert().values(id=uuid4(), title="Milk", owner_id=uuid4(), version=1, body=""))

    assert explain(error, NOTES, {}) == {"": "A related record is missing, or other records still refer to this one."}


def test_stale_row_is_an_edit_conflict() -> None:
    assert explain(StaleDataError(), NOTES, {}) == {"": EDIT_CONFLICT}


@pytest.mark.parametrize("statement", [text("SELECT nonsense"), delete(SampleNote).where(text("nonsense = 1"))])
def test_bug_has_no_message(client: TestClient, statement: Any) -> None:
    error = error_of(client, statement)

    assert explain(error, NOTES, {}) is None
    assert explain(ValueError("a bug of ours"), NOTES, {}) is None
    assert explain(OperationalError("SELECT 1", None, OSError("the server is away")), NOTES, {}) is None


@pytest.mark.parametrize(
    "value", [InvalidInput("four"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), float("inf"), float("nan")]
)
def test_invalid_input_is_rejected(value: object) -> None:
    with pytest.raises(ValueError, match=r"^(Enter a number|Enter a valid value)\.$"):
        clean_value(DecimalField("a"), value)


def test_input_is_cleaned() -> None:
    assert clean_value(DateTimeField("a"), datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001
    assert clean_value(StringField("a"), " b ") == "b"
    assert clean_value(PasswordField("a"), " b ") == " b "
    assert clean_value(IntegerField("a"), 4) == 4
    assert clean_value(IntegerField("a"), None) is None
