"""The file that a job made: its name and type, and who may download it."""

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from fastapi import Request
from pydantic import BaseModel
from starlette_admin import RequestAction


class ExportedFile(BaseModel):
    """The result of an export; the job's chunks are its content."""

    view: str
    """The key of the admin's view."""
    fields: list[str]
    name: str
    content_type: str
    rows: int


def attachment(name: str) -> dict[str, str]:
    """Return the header by which browsers save a response as a file of this name."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='.')}"}


def can_export(request: Request, view: Any, fields: Collection[str]) -> bool:  # noqa: ANN401 - a ModelView
    """Return whether the user may export these fields of a view."""
    if not (view.is_accessible(request) and view.can_export(request)):
        return False
    return {*fields} <= {field.name for field in view.get_fields_list(request, action=RequestAction.EXPORT)}
