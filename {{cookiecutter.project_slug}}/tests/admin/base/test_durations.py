"""Durations in the admin."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table
from starlette.datastructures import FormData

from app.admin.base.durations import DurationField
from app.admin.base.fields import column_default, field_for
from app.admin.base.filters import FILTER_REGISTRY
from app.admin.base.form_parsing import InvalidInput
from app.admin.base.saving import clean_value
from app.database.column_types import ExactInterval
from app.database.durations import duration_default

HALF = timedelta(minutes=-30)


async def test_form_has_the_default_and_reads_what_it_shows() -> None:
    column = Table("t", MetaData(), Column("length", ExactInterval(), server_default=duration_default(HALF))).c.length
    field: Any = field_for(column, None)

    shown = field.text(column_default(column))

    assert (shown, field.required) == ("-30m", False)
    assert await field.parse_form_data(None, FormData([("length", shown)])) == HALF
    assert await field.parse_form_data(None, FormData([("length", " ")])) is None


def test_rejected_form_shows_the_input_again() -> None:
    field = DurationField("length")

    assert (field.text(HALF), field.text(InvalidInput("soon"))) == ("-30m", "soon")
    with pytest.raises(ValueError, match="Enter a duration like 1h 30m"):
        clean_value(field, InvalidInput("soon"))


def test_lists_are_filtered_by_durations() -> None:
    found = {str(kind.name): kind() for kind in FILTER_REGISTRY.filters_for(DurationField("length"))}

    assert {"eq", "gt", "lte", "between", "is_null"} <= found.keys()
    assert found["gt"].parse_value("-30m") == HALF
    with pytest.raises(ValueError, match="must be a duration"):
        found["gt"].parse_value("soon")
