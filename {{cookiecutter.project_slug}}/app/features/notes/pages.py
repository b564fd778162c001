"""Web pages for notes; they work without JavaScript."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm.exc import StaleDataError

from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageScope
from app.api.dependencies import SessionDep, check_version
from app.errors import Conflict, InvalidRequest, VersionConflict
from app.features.notes import service
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate, NoteList, NoteRead, NoteUpdate
from app.i18n import gettext, gettext_noop
from app.live.publishing import topic_of
from app.live.streams import LiveDep, listen
from app.web import forms
from app.web.latest import Latest
from app.web.templating import NavItem, redirect_with_message, render

router = APIRouter(prefix="/notes")
nav = NavItem(
    gettext_noop("Notes"),
    "/notes",
    gettext_noop("Your private notes."),
    latest=Latest(service.notes_for, Note.title, Note.id),
)


async def get_note(session: SessionDep, scope: PageScope, note_id: UUID) -> NoteRead:
    """Return the note with the ID in the path."""
    return await service.get_note(session, scope, note_id)


NoteDep = Annotated[NoteRead, Depends(get_note)]


@router.get("")
async def list_notes(
    request: Request, session: SessionDep, scope: PageScope, page: Annotated[NoteList, Query()]
) -> Response:
    """List the user's notes, newest first by default."""
    rows = await service.list_notes(session, scope, page)
    search = forms.search_form(page)
    context = {"notes": rows.items, "page": page, "older": rows.next_cursor, "search": search}
    return await render(request, "notes/list.html", context)


@router.get("/live", response_class=EventSourceResponse)
async def stream_notes(live: LiveDep, scope: PageScope) -> AsyncIterator[ServerSentEvent]:
    """Stream an event when the list changes."""
    async for event in listen(live, topic_of(Note, scope.user_id)):
        yield event


@router.get("/new")
async def show_new_note(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show an empty form."""
    return await _show_new(request, forms.empty_form(NoteCreate))


@router.post("/new", dependencies=[CsrfProtected])
async def create_note(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Create a note and redirect to it."""
    form = await forms.parse_form(request, NoteCreate)
    if form.data is None:
        return await _show_new(request, form)
    try:
        note = await service.create_note(session, scope, form.data)
    except (Conflict, InvalidRequest) as error:
        await session.rollback()
        return await _show_new(request, form.with_problem(error))
    return redirect_with_message(request, f"/notes/{note.id}", gettext("Note created."))


@router.get("/{note_id}")
async def read_note(request: Request, note: NoteDep) -> Response:
    """Show a note."""
    return await render(request, "notes/show.html", {"note": note})


@router.get("/{note_id}/edit")
async def edit_note(request: Request, note: NoteDep) -> Response:
    """Show the note in a form."""
    return await _show_edit(request, note, forms.form_from_record(NoteUpdate, note))


@router.post("/{note_id}/edit", dependencies=[CsrfProtected])
async def update_note(request: Request, session: SessionDep, scope: PageScope, note: NoteDep) -> Response:
    """Update the note, unless it was changed since the form was opened."""
    form = await forms.parse_form(request, NoteUpdate, note)
    if form.data is None:
        return await _show_edit(request, note, form)
    try:
        check_version(note, f'"{form.version}"')
        await service.update_note(session, note, form.data)
    except (Conflict, InvalidRequest) as error:
        await session.rollback()
        return await _show_edit(request, note, form.with_problem(error))
    except (VersionConflict, StaleDataError):
        await session.rollback()
        note = await get_note(session, scope, note.id)
        return await _show_edit(request, note, form.with_conflict(note))
    return redirect_with_message(request, f"/notes/{note.id}", gettext("Note saved."))


@router.post("/{note_id}/delete", dependencies=[CsrfProtected])
async def delete_note(
    request: Request, session: SessionDep, note: NoteDep, version: Annotated[int, Form()]
) -> Response:
    """Delete the note, unless it was changed since the page was opened."""
    check_version(note, f'"{version}"')
    await service.delete_note(session, note)
    return redirect_with_message(request, "/notes", gettext("Note deleted."))


async def _show_new(request: Request, form: forms.Form[NoteCreate]) -> Response:
    return await render(request, "notes/new.html", {"form": form}, form.status)


async def _show_edit(request: Request, note: NoteRead, form: forms.Form[NoteUpdate]) -> Response:
    context = {"note": note, "form": form}
    return await render(request, "notes/edit.html", context, form.status)
