"""Request and response schemas."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from app.kinds import OneLine
from app.pagination import PageParams, SearchText
from app.schemas import RecordView, Schema, unset

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), OneLine]
Body = Annotated[str, StringConstraints(max_length=50_000)]


class SampleNoteCreate(Schema):
    """A new note."""

    title: Title
    body: Body = ""


class SampleNoteUpdate(Schema):
    """Changes to a note."""

    title: Title = unset()
    body: Body = unset()


class SampleNoteRead(RecordView):
    """A note."""

    title: str
    body: str


class SampleNoteList(PageParams):
    """Which notes, and in which order."""

    q: SearchText | None = None
    title: Title | None = None
    sort: Literal["title", "-title"] | None = None
