"""Uploads that clients send to a cloud store themselves, to a signed URL. A field takes them over afterwards."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.database.base import utc_now
from app.errors import InvalidRequest, Problem
from app.files.names import MAX_NAME_LENGTH
from app.files.store import FileStore

TTL = timedelta(minutes=15)
_ID = r"^[0-9a-f]{32}$"
STAGED_KEY = re.compile(r"incoming/[0-9a-f]{32}")
"""Keys of uploads that no field has taken over."""


class NoDirectUploads(Problem):
    """The store is a directory, which has no signed URLs."""

    status = HTTPStatus.CONFLICT
    title = "No direct uploads"


class DirectUpload(BaseModel):
    """Where to send a file."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Send it to the file's field once the file is uploaded. Keep it secret: it gives access to the file."""
    method: Literal["PUT"] = "PUT"
    url: str
    """URL of the store, for one request with the file as its body."""
    expires_at: AwareDatetime


class DirectUploadReference(BaseModel):
    """A file that was sent to a signed URL."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    upload: Annotated[str, Field(pattern=_ID)]
    """ID of the upload."""
    name: Annotated[str, Field(max_length=MAX_NAME_LENGTH)] = "file"
    """Name of the file."""


@dataclass(frozen=True)
class StagedFile:
    """A file that was sent to a signed URL, to be checked and stored like any other upload."""

    key: str
    filename: str

    async def read(self, store: FileStore) -> AsyncIterator[bytes]:
        """Yield its bytes.

        Raises:
            FileMissing: nothing was uploaded, or a field has it already.
        """
        async for chunk in store.stream(self.key, 0, await store.size(self.key)):
            yield chunk


async def start_direct_upload(store: FileStore) -> DirectUpload:
    """Return a URL to which a file can be sent. Without a field that takes it over, a job deletes it after a day.

    Raises:
        NoDirectUploads: the store isn't a cloud store.
    """
    if not store.is_cloud:
        raise NoDirectUploads("Files are stored in a directory. Send the file to its field as multipart/form-data.")
    upload_id = secrets.token_hex(16)
    url = await store.sign_url(_key(upload_id), TTL, method="PUT")
    return DirectUpload(id=upload_id, url=url, expires_at=utc_now() + TTL)


def read_reference(form: Mapping[str, Any]) -> StagedFile:
    """Read the fields of a form that refer to a direct upload.

    Raises:
        InvalidRequest: they are no `DirectUploadReference`.
    """
    try:
        reference = DirectUploadReference.model_validate(form)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        errors = [{"loc": ("body", *item["loc"]), "msg": item["msg"], "type": item["type"]} for item in found]
        raise InvalidRequest(errors=errors) from error
    return StagedFile(_key(reference.upload), reference.name)


def _key(upload_id: str) -> str:
    return f"incoming/{upload_id}"
