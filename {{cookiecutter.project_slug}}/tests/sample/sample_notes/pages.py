"""Web pages for notes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm.exc import StaleDataError

from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageScope
from app.api.dependencies import SessionDep, check_version
from app.errors import Conflict, InvalidRequest, VersionConflict
from app.web import forms
from app.web.forms import parse_form
from app.web.latest import Latest
from app.web.templating import NavItem, render, see_other
from tests.sample.sample_notes import service
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteCreate, SampleNoteList, SampleNoteUpdate

router = APIRouter(prefix="/sample-notes")
latest = Latest(service.notes_for, SampleNote.title, SampleNote.id)
nav = NavItem("Sample notes", "/sample-notes", "Your private notes.", latest=latest)


async def get_note(session: SessionDep, scope: PageScope, note_id: UUID) -> SampleNote:
    """Return the note from the path."""
    return await service.get_note(session, scope, note_id)


NoteDep = Annotated[SampleNote, Depends(get_note)]


@router.get("")
async def list_notes(
    request: Request, session: SessionDep, scope: PageScope, page: Annotated[SampleNoteList, Query()]
) -> Response:
    """List the user's notes, newest first by default."""
    rows = await service.list_notes(session, scope, page)
    search = forms.search_form(page)
    context = {"notes": rows.items, "page": page, "older": rows.next_cursor, "search": search}
    return await render(request, "sample_notes/list.html", context)


@router.get("/new")
async def show_new_note(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show an empty form."""
    return await _show_new(request, forms.empty_form(SampleNoteCreate))


@router.post("/new", dependencies=[CsrfProtected])
async def create_note(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Create a note and redirect to it."""
    form = await parse_form(request, SampleNoteCreate)
    if form.data is None:
        return await _show_new(request, form)
    try:
        # The savepoint keeps the session usable after an error.
        async with session.begin_nested():
            note = await service.save_note(session, SampleNote(owner_id=scope.user_id), **form.data.model_dump())
    except (Conflict, InvalidRequest) as refusal:
        return await _show_new(request, form.with_problem(refusal))
    return see_other(request, f"/sample-notes/{note.id}")


@router.get("/{note_id}")
async def read_note(request: Request, note: NoteDep) -> Response:
    """Show a note."""
    return await render(request, "sample_notes/show.html", {"note": note})


@router.get("/{note_id}/edit")
async def edit_note(request: Request, note: NoteDep) -> Response:
    """Show the form of a note."""
    return await _show_edit(request, note, forms.form_from_record(SampleNoteUpdate, note))


@router.post("/{note_id}/edit", dependencies=[CsrfProtected])
async def update_note(request: Request, session: SessionDep, scope: PageScope, note: NoteDep) -> Response:
    """Update a note unless it was changed since the form was opened."""
    note_id = note.id
    form = await parse_form(request, SampleNoteUpdate, note)
    if form.data is None:
        return await _show_edit(request, note, form)
    try:
        check_version(note, f'"{form.version}"')
        async with session.begin_nested():
            await service.save_note(session, note, **form.data.model_dump(exclude_unset=True))
    except (Conflict, InvalidRequest) as refusal:
        note = await get_note(session, scope, note_id)
        return await _show_edit(request, note, form.with_problem(refusal))
    except (VersionConflict, StaleDataError):
        note = await get_note(session, scope, note_id)
        return await _show_edit(request, note, form.with_conflict(note))
    return see_other(request, f"/sample-notes/{note_id}")


@router.post("/{note_id}/delete", dependencies=[CsrfProtected])
async def delete_note(
    request: Request, session: SessionDep, note: NoteDep, version: Annotated[int, Form()]
) -> Response:
    """Delete a note unless it was changed since the page was opened."""
    check_version(note, f'"{version}"')
    await service.delete_note(session, note)
    return see_other(request, "/sample-notes")


async def _show_new(request: Request, form: forms.Form[SampleNoteCreate]) -> Response:
    return await render(request, "sample_notes/new.html", {"form": form}, form.status)


async def _show_edit(request: Request, note: SampleNote, form: forms.Form[SampleNoteUpdate]) -> Response:
    context = {"note": note, "form": form}
    return await render(request, "sample_notes/edit.html", context, form.status)
