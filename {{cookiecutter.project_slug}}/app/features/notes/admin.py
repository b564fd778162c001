"""Notes in the admin."""

from fastapi import Request
from sqlalchemy import ColumnElement
from starlette_admin.fields import TextAreaField

from app.accounts.models import User
from app.admin.views import ModelView
from app.features.notes.models import Note


class NoteView(ModelView):
    """Everyone's notes."""

    model = Note
    icon = "fa-solid fa-note-sticky"
    title_field = "title"
    fields = ("id", "title", TextAreaField("body", maxlength=50_000), "owner", "created_at", "updated_at")
    exclude_fields_from_list = ("id", "body", "updated_at")

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in the notes, and in the addresses of their owners."""
        return super().get_search_query(request, term) | Note.owner.has(User.email.icontains(term, autoescape=True))


views: list[type[ModelView]] = [NoteView]
