"""Pages of the large exports and imports that a user started: progress, cancel, the file or the report."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette_admin import CustomView
from starlette_admin.base import BaseAdmin
from starlette_admin.routing import route

from app.admin.auth import get_visitor
from app.admin.transfers.download import ExportedFile, attachment, can_export
from app.admin.transfers.jobs import export_rows
from app.admin.urls import path_for
from app.api.dependencies import get_database
from app.jobs import job_queue
from app.jobs.chunks import content_size, delete_chunks, read_chunks
from app.jobs.models import Job, JobState

_NAMES = (export_rows.name, "admin.import_rows")
"""Names of the jobs. `app/admin/imports/jobs.py` has the other one; it uses this package."""


class TransferView(CustomView):
    """The pages of one export or import."""

    path = "/transfers"
    add_to_menu = False

    def __init__(self, site: BaseAdmin) -> None:
        super().__init__()
        self.site: Any = site

    @route("", name="list_transfers")
    async def index(self, request: Request) -> Response:
        """List the exports and imports that the user started."""
        own = select(Job).where(Job.owner_id == get_visitor(request).user_id, Job.name.in_(_NAMES))
        jobs = (await request.state.session.scalars(own.order_by(Job.id.desc()).limit(50))).all()
        names = {view.key: view.menu_label for view in self.site._model_views}  # noqa: SLF001
        context = {"jobs": jobs, "names": names, "export_name": export_rows.name}
        return self.site._template_response(request, "transfers.html", context)  # type: ignore[no-any-return]  # noqa: SLF001

    @route("/{job_id}", name="show_transfer")
    async def show(self, request: Request) -> Response:
        """Show the progress, and what came of it."""
        job = await _find_job(request)
        session = request.state.session
        is_export = job.name == export_rows.name
        size = await content_size(session, job.id) if job.state == JobState.SUCCEEDED else 0
        report = None
        if size and not is_export:
            report = json.loads(b"".join([chunk async for chunk in read_chunks(get_database(request), job.id)]))
        context = {
            "job": job,
            "view": self.site._find_view_by_key(job.label),  # noqa: SLF001 - the library's
            "is_export": is_export,
            "is_active": job.ended_at is None,
            "file": ExportedFile.model_validate(job.result) if is_export and job.result else None,
            "size": size,
            "report": report,
            "reason": (job.last_error or "").partition("JobFailed: ")[2],
        }
        return self.site._template_response(request, "transfer.html", context)  # type: ignore[no-any-return]  # noqa: SLF001

    @route("/{job_id}/file", name="download_export")
    async def download(self, request: Request) -> Response:
        """Send the file of an export, if the user may still export these fields."""
        job = await _find_job(request)
        if job.name != export_rows.name or not await content_size(request.state.session, job.id) or not job.result:
            raise HTTPException(404)
        file = ExportedFile.model_validate(job.result)
        view = self.site._find_view_by_key(file.view)  # noqa: SLF001
        if not can_export(request, view, file.fields):
            raise HTTPException(403)
        chunks: AsyncIterator[bytes] = read_chunks(get_database(request), job.id)
        return StreamingResponse(chunks, media_type=file.content_type, headers=attachment(file.name))

    @route("/{job_id}/cancel", methods=["POST"], name="cancel_transfer")
    async def cancel(self, request: Request) -> Response:
        """Cancel the job, and delete what it has written."""
        job, session = await _find_job(request), request.state.session
        if await job_queue.cancel(session, [job]):
            await delete_chunks(session, job.id)
        return RedirectResponse(path_for(request, "admin:show_transfer", job_id=str(job.id)), 303)


async def _find_job(request: Request) -> Job:
    """Return an export or import that the user started."""
    try:
        job_id = UUID(request.path_params["job_id"])
    except ValueError:
        raise HTTPException(404) from None
    job: Job | None = await request.state.session.get(Job, job_id)
    is_own = job is not None and job.owner_id == get_visitor(request).user_id
    if job is None or not is_own or job.name not in _NAMES:
        raise HTTPException(404)
    return job
