"""The job that imports a large file: all rows or none, as in a request."""

import io
import json
from datetime import timedelta
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette_admin import RequestAction
from starlette_admin.helpers import run_on_commit_callbacks
from starlette_admin.importers import ImportContext

from app.admin.auth import get_visitor
from app.admin.files.csv_files import InvalidFile
from app.admin.imports.execution import save_upload, summarize, validate_upload
from app.admin.imports.upload import Upload, read_upload
from app.admin.transfers.caller import Caller, find_view, no_permission, request_of
from app.admin.urls import path_for
from app.i18n import gettext
from app.jobs.chunks import append_chunks, delete_chunks, read_chunks
from app.jobs.definitions import job
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun


class ImportTask(BaseModel):
    """How to import the file, which is the content of the job."""

    view: str
    choices: list[tuple[str, str]]
    """The other fields of the form."""
    caller: Caller


async def start_import(request: Request, view: Any, upload: Upload, form: FormData) -> str:  # noqa: ANN401
    """Enqueue the import of a file, and return the path of the page that shows its progress."""
    choices = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "csrftoken"]
    task, session = ImportTask(view=view.key, choices=choices, caller=Caller.of(request)), request.state.session
    starting = import_rows.set(owner_id=get_visitor(request).user_id, label=view.key)
    job_id = await starting.enqueue(session, task)
    if job_id is not None:
        await append_chunks(session, job_id, upload.content)
    return path_for(request, "admin:show_transfer", job_id=str(job_id))


@job(timeout=timedelta(hours=1), max_attempts=3, encrypted=True)
async def import_rows(run: JobRun, task: ImportTask) -> None:
    """Import a file. A report, which has the errors, replaces it."""
    request = await request_of(run, task.caller, RequestAction.IMPORT)
    view = find_view(request, task.view)
    if not (view.is_accessible(request) and view.can_import(request)):
        raise no_permission()
    content = b"".join([chunk async for chunk in read_chunks(run.database, run.id)])
    if not content:
        raise JobFailed(gettext("The file was deleted. Import it again."))

    async def save_progress(share: float) -> None:
        async with run.transaction() as session:
            await run.save(session, progress=share / 2)  # the other half is saving, in one transaction

    file = UploadFile(io.BytesIO(content), size=len(content))
    try:
        upload = await read_upload(request, view, FormData([*task.choices, ("file", file)]))
        context = ImportContext([*view.get_fields_list(request)], content, view, request)
        batch = await validate_upload(upload, context, save_progress)
    except InvalidFile as error:
        raise JobFailed(str(error)) from error
    async with run.transaction() as request.state.session:
        session = request.state.session
        result = await save_upload(batch, context, session)
        await delete_chunks(session, run.id)
        await append_chunks(session, run.id, json.dumps(summarize(result)).encode())
        await run.finish(session)
    await run_on_commit_callbacks(request)
