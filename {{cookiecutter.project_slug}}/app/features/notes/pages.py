"""Notes as pages: they work without JavaScript."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm.exc import StaleDataError

from app.accounts.browser import PageScope
from app.accounts.csrf import CsrfChecked
from app.database import SessionDep
from app.errors import VersionConflict
from app.features.notes import service
from app.features.notes.models import Note
from app.features.notes.schemas import NoteCreate, NoteList, NoteUpdate
from app.features.notes.service import NoteTitleTaken
from app.http import check_version
from app.web import forms
from app.web.forms import read_form
from app.web.rendering import NavItem, render, see_other

router = APIRouter(prefix="/notes")
nav = NavItem("Notes", "/notes", "Short texts that only their owner sees: the example to copy.")

TITLE_TAKEN = "You have another note with this title."


async def get_note(session: SessionDep, scope: PageScope, note_id: UUID) -> Note:
    """Find the note that the path names."""
    return await service.get_note(session, scope, note_id)


NoteDep = Annotated[Note, Depends(get_note)]


@router.get("")
async def list_notes(
    request: Request, session: SessionDep, scope: PageScope, page: Annotated[NoteList, Query()]
) -> Response:
    """List the visitor's notes, newest first."""
    rows = await service.list_notes(session, scope, page)
    return await render(request, "notes/list.html", {"notes": rows.items, "page": page, "older": rows.next_cursor})


@router.get("/new")
async def show_new_note(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show an empty form."""
    return await render(request, "notes/new.html", {"form": forms.Form()})


@router.post("/new", dependencies=[CsrfChecked])
async def create_note(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Write a note, and show it."""
    form = await read_form(request, NoteCreate)
    if form.data is None:
        return await render(request, "notes/new.html", {"form": form}, 422)
    try:
        # The savepoint keeps the session usable, whatever is refused inside.
        async with session.begin_nested():
            note = await service.create_note(session, scope, form.data)
    except NoteTitleTaken as taken:
        return await render(request, "notes/new.html", {"form": form.refused(title=TITLE_TAKEN)}, taken.status)
    return see_other(f"/notes/{note.id}")


@router.get("/{note_id}")
async def read_note(request: Request, note: NoteDep) -> Response:
    """Show a note."""
    return await render(request, "notes/show.html", {"note": note})


@router.get("/{note_id}/edit")
async def edit_note(request: Request, note: NoteDep) -> Response:
    """Show the note in a form."""
    form: forms.Form[NoteUpdate] = forms.Form(values={"title": note.title, "body": note.body})
    context = {"form": form, "note": note, "version": note.version, "overtaken": False}
    return await render(request, "notes/edit.html", context)


@router.post("/{note_id}/edit", dependencies=[CsrfChecked])
async def update_note(
    request: Request, session: SessionDep, scope: PageScope, note: NoteDep, version: Annotated[int, Form()]
) -> Response:
    """Change the note, unless someone else did since the form was opened, which showed `version`."""
    note_id = note.id
    form = await read_form(request, NoteUpdate)
    if form.data is None:
        return await _edit_again(request, note, form, 422, version=version)
    try:
        check_version(note, f'"{version}"')
        async with session.begin_nested():
            await service.update_note(session, note, form.data)
    except NoteTitleTaken:
        note = await service.get_note(session, scope, note_id)
        return await _edit_again(request, note, form.refused(title=TITLE_TAKEN), 409, version=version)
    except (VersionConflict, StaleDataError):
        note = await service.get_note(session, scope, note_id)
        # With the version that is saved now: who has read about it and saves again means it.
        return await _edit_again(request, note, form, 412, version=note.version)
    return see_other(f"/notes/{note_id}")


@router.post("/{note_id}/delete", dependencies=[CsrfChecked])
async def delete_note(session: SessionDep, note: NoteDep, version: Annotated[int, Form()]) -> Response:
    """Delete the note that the visitor saw."""
    check_version(note, f'"{version}"')
    await service.delete_note(session, note)
    return see_other("/notes")


async def _edit_again(
    request: Request, note: Note, form: forms.Form[NoteUpdate], status: int, *, version: int
) -> Response:
    """Show the form with what was entered in it."""
    context = {"form": form, "note": note, "version": version, "overtaken": status == VersionConflict.status}
    return await render(request, "notes/edit.html", context, status)
