"""Account page for the profile picture, and the pictures as other pages and the admin show them."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageScope
from app.accounts.scope import Scope
from app.api.dependencies import SessionDep
from app.api.request_body import allow_body
from app.features.profile_pictures import service
from app.features.profile_pictures.service import RULES, ProfilePictureNotFound
from app.files.dependencies import FileStoreDep
from app.files.fields import UPLOAD_PROBLEMS, uploaded_file
from app.files.models import File
from app.files.responses import file_response
from app.files.uploads import receive_file
from app.i18n import gettext, gettext_noop
from app.web.forms import Form
from app.web.templating import NavItem, redirect_with_message, render

router = APIRouter()
account_nav_item = NavItem(gettext_noop("Picture"), "/account/picture")

_PLACEHOLDER = Path(__file__).with_name("placeholder.svg").read_bytes()


@router.get("/account/picture")
async def show_picture(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Show the picture and the form to replace it."""
    return await _show(request, session, scope, Form())


# The sign-in is checked before the file is read.
@router.post("/account/picture", dependencies=[Depends(web_session.require_visitor), CsrfProtected])
@allow_body(RULES.max_body_bytes)
async def upload_picture(request: Request, session: SessionDep, store: FileStoreDep, scope: PageScope) -> Response:
    """Replace the picture."""
    try:
        async with uploaded_file(request, "picture") as upload:
            file = await receive_file(session, store, upload, RULES, scope.user_id, field="picture")
    except UPLOAD_PROBLEMS as problem:
        return await _show(request, session, scope, Form().with_problem(problem))
    await service.set_picture(session, scope, file)
    return redirect_with_message(request, "/account/picture", gettext("Picture saved."))


@router.post("/account/picture/remove", dependencies=[CsrfProtected])
async def remove_picture(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Remove the picture."""
    with suppress(ProfilePictureNotFound):
        await service.delete_picture(session, scope)
    return redirect_with_message(request, "/account/picture", gettext("Picture removed."))


@router.get("/users/{user_id}/picture")
async def read_picture_of_user(
    request: Request, session: SessionDep, store: FileStoreDep, scope: PageScope, user_id: UUID
) -> Response:
    """Return the picture of a user, or a placeholder, for `<img src="/users/…/picture">`."""
    try:
        return await file_response(request, store, await service.get_picture(session, scope, user_id), size=96)
    except ProfilePictureNotFound:
        return Response(_PLACEHOLDER, media_type="image/svg+xml")


async def _show(request: Request, session: AsyncSession, scope: Scope, form: Form[Any]) -> Response:
    try:
        picture: File | None = await service.get_picture(session, scope, scope.user_id)
    except ProfilePictureNotFound:
        picture = None
    context = {"form": form, "picture": picture, "rules": RULES}
    return await render(request, "profile_pictures/show.html", context, form.status)
