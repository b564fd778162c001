"""Admin view for notes."""

from app.admin.base.model_view import ModelView
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteUpdate


class SampleNoteView(ModelView):
    """All users' notes."""

    model = SampleNote
    schema = SampleNoteUpdate
    title_field = "title"
    fields = ("id", "title", "body", "owner", "created_at", "updated_at")
    exclude_fields_from_list = ("id", "body", "updated_at")
    importers = ("csv",)


views: list[type[ModelView]] = [SampleNoteView]
