"""The page of one's own account."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts import users
from app.accounts.browser import PageScope
from app.accounts.csrf import CsrfChecked
from app.accounts.schemas import AccountUpdate
from app.dependencies import SessionDep
from app.web.forms import filled_form, read_form
from app.web.rendering import done, render

router = APIRouter()


@router.get("/account")
async def show_account(request: Request, scope: PageScope, session: SessionDep) -> Response:
    """Show who is signed in, and what may be changed."""
    user = await users.get_account(session, scope)
    return await render(request, "account/profile.html", {"form": filled_form(AccountUpdate, user), "user": user})


@router.post("/account", dependencies=[CsrfChecked])
async def update_account(request: Request, scope: PageScope, session: SessionDep) -> Response:
    """Change the name that others see."""
    user = await users.get_account(session, scope)
    form = await read_form(request, AccountUpdate, user)
    if form.data is None:
        return await render(request, "account/profile.html", {"form": form, "user": user}, 422)
    await users.update_account(session, user, form.data)
    return done(request, "/account", "Your name was saved.")
