"""What schemas share: unknown fields are refused, and absent is not null."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas import Schema, unset


class Change(Schema):
    """A PATCH body with a field that may be null and one that may not."""

    name: str = unset()
    nickname: str | None = unset()


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param({}, {}, id="absent-stays"),
        pytest.param({"nickname": None}, {"nickname": None}, id="null-clears"),
        pytest.param({"nickname": "al"}, {"nickname": "al"}, id="value-sets"),
        pytest.param({"name": "Al"}, {"name": "Al"}, id="one-of-two"),
    ],
)
def test_absent_differs_from_null(body: dict[str, Any], changes: dict[str, Any]) -> None:
    assert Change.model_validate(body).model_dump(exclude_unset=True) == changes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"name": None}, id="null-where-there-is-none"),
        pytest.param({"other": 1}, id="unknown-field"),
        pytest.param({"name": "a\x00b"}, id="nul"),
        pytest.param({"nickname": "\x00"}, id="nul-where-null-may-be"),
    ],
)
def test_body_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate(body)
