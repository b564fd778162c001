"""Admin view for notes."""

from app.admin.base.model_view import ModelView
from app.features.notes.models import Note
from app.features.notes.schemas import NoteUpdate


class NoteView(ModelView):
    """Everyone's notes."""

    model = Note
    schema = NoteUpdate
    title_field = "title"
    fields = ("id", "title", "body", "owner", "created_at", "updated_at")
    exclude_fields_from_list = ("id", "body", "updated_at")
    importers = ("csv",)


views: list[type[ModelView]] = [NoteView]
