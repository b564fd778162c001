"""What every schema shares: strict input, plain output, and the difference between absent and null."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Schema(BaseModel):
    """What a caller sends: an unknown field is an error, and so is a text that no database can store."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _refuse_nul(cls, value: Any) -> Any:  # noqa: ANN401 - fields of every type
        if isinstance(value, str) and "\x00" in value:
            message = "must not contain the NUL character"
            raise ValueError(message)
        return value


class View(BaseModel):
    """What a caller receives: fields of a record, named one by one."""

    model_config = ConfigDict(from_attributes=True)


class RecordView(View):
    """The fields that every record has."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


def unset() -> Any:  # noqa: ANN401 - stands for a value of any type
    """Return the default of a field in a PATCH body: absent means unchanged, and null is not a value.

    Read what was sent with `data.model_dump(exclude_unset=True)`.
    """
    return Field(default_factory=lambda: None)
