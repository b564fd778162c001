"""Files in forms: the view of a model with files is an `UploadView`.

class BookView(UploadView):
    model = Book
    fields = ("title", UploadField("photo_id", "Photo", PHOTO_RULES))
"""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette_admin import RequestAction
from starlette_admin.fields import FileField

from app.admin.auth import get_visitor
from app.admin.base.model_view import ModelView
from app.admin.urls import path_for
from app.database.keys import key_of
from app.files.fields import get_file
from app.files.responses import file_response
from app.files.rules import FileRules
from app.files.store import FileMissing
from app.files.uploads import discard_file, receive_file


class UploadField(FileField):
    """An uploaded file: its name or image, and an input to replace it. Exports and imports leave it out."""

    def __init__(self, name: str, label: str, rules: FileRules) -> None:
        super().__init__(name, label, accept=rules.accept, max_size=rules.max_bytes, searchable=False, orderable=False)
        self.exclude_from_list = self.exclude_from_export = True
        self.rules = rules
        if rules.is_image:
            self.form_template, self.detail_template = "fields/form/image.html", "fields/detail/image.html"

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:  # noqa: ANN401 - as in the library
        """Return the upload, which is closed at the end of the request, and whether to remove the file."""
        request.state.uploads.extend(item for item in form_data.getlist(self.id) if isinstance(item, UploadFile))
        return await super().parse_form_data(request, form_data)

    async def parse_obj(self, request: Request, obj: Any) -> dict[str, str] | None:  # noqa: ANN401 - of any model
        """Return the name of the file and where the admin serves it."""
        try:
            file = await get_file(request.state.session, getattr(obj, self.name))
        except FileMissing:
            return None
        page = path_for(request, f"admin:{request.path_params['key']}-file")
        return {"url": f"{page}?pk={key_of(obj)}&field={self.name}", "filename": file.name}


class UploadView(ModelView):
    """View of a model with files. Who can edit a row can replace its files."""

    fields: Sequence[Any] = ()

    def get_routes(self) -> Sequence[Route]:
        """Return the route that serves the files."""
        return [Route(f"/{self.key}/file", self.show_file, name=f"{self.key}-file")]

    async def show_file(self, request: Request) -> Response:
        """Return a file of a row that the user can see."""
        request.state.action = RequestAction.DETAIL
        if not self.is_accessible(request) or not self.can_view_detail(request):
            raise HTTPException(403)
        field = self._find_upload_field(request, request.query_params.get("field"))
        row = await self.find_by_pk(request, request.query_params.get("pk"))
        if field is None or row is None:
            raise HTTPException(404)
        file = await get_file(request.state.session, getattr(row, field.name))
        return await file_response(request, request.state.files, file)

    def _find_upload_field(self, request: Request, name: str | None) -> UploadField | None:
        fields = (field for field in self.get_fields_list(request) if isinstance(field, UploadField))
        return next((field for field in fields if field.name == name), None)

    async def _populate_obj(self, request: Request, obj: Any, data: dict[str, Any], *args: Any) -> Any:  # noqa: ANN401
        """Store the uploads. The library would set the columns to the uploads themselves."""
        session, owner = request.state.session, data.get("owner")
        owner_id = owner.id if owner else getattr(obj, "owner_id", None) or get_visitor(request).user_id
        changes: dict[str, Any] = {}
        uploads = [field for field in self.get_fields_list(request) if isinstance(field, UploadField)]
        for field in uploads:
            upload, is_removed = data[field.name]
            if upload is not None:
                store = request.state.files
                file = await receive_file(session, store, upload, field.rules, owner_id, field=field.name)
                changes[field.name] = file.id
            elif is_removed:
                changes[field.name] = None
        unchanged = {field.name: (None, False) for field in uploads}
        obj = await super()._populate_obj(request, obj, {**data, **unchanged}, *args)
        for name, file_id in changes.items():
            await discard_file(session, getattr(obj, name))
            setattr(obj, name, file_id)
        return obj

    async def after_delete(self, request: Request, obj: Any) -> None:  # noqa: ANN401
        """Delete the files with the row."""
        await super().after_delete(request, obj)
        for field in self._all_fields:
            if isinstance(field, UploadField):
                await discard_file(request.state.session, getattr(obj, field.name))
