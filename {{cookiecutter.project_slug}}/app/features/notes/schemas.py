"""Request and response schemas of notes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.field_types import SingleLine
from app.api.pagination import PageParams, SearchText
from app.api.schemas import RecordResponse, Schema, unset

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), SingleLine]
Body = Annotated[str, StringConstraints(max_length=50_000)]


class NoteCreate(Schema):
    """A new note."""

    title: Title
    body: Body = ""


class NoteUpdate(Schema):
    """Changes to a note. Omitted fields are unchanged."""

    title: Title = unset()
    body: Body = unset()


class NoteRead(RecordResponse):
    """A note."""

    title: str
    body: str


class NoteList(PageParams):
    """Filters and sort order of notes."""

    q: SearchText | None = Field(default=None, description="Search in the title")
    title: Title | None = None
    sort: Literal["title", "-title"] | None = Field(
        default=None, description="Sort order; prefix `-` for descending. Default: newest first"
    )
