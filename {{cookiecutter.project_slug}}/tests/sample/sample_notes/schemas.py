"""Request and response schemas."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from app.api.field_types import SingleLine
from app.api.pagination import PageParams, SearchText
from app.api.schemas import RecordResponse, Schema, unset

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), SingleLine]
Body = Annotated[str, StringConstraints(max_length=50_000)]


class SampleNoteCreate(Schema):
    """A new note."""

    title: Title
    body: Body = ""


class SampleNoteUpdate(Schema):
    """Changes to a note."""

    title: Title = unset()
    body: Body = unset()


class SampleNoteRead(RecordResponse):
    """A note."""

    title: str
    body: str


class SampleNoteList(PageParams):
    """Filters and order of a list of notes."""

    q: SearchText | None = None
    title: Title | None = None
    sort: Literal["title", "-title"] | None = None
