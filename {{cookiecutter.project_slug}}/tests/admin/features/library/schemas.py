"""Validation rules of forms."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas import Schema, unset


class BookUpdate(Schema):
    """Changes to a book."""

    title: Annotated[str, StringConstraints(min_length=3)] = unset()
    isbn: Annotated[str, Field(description="Ten or thirteen digits.", max_length=20)] = unset()


class LockerUpdate(Schema):
    """Rules with a required field that no form has."""

    key_hash: str
