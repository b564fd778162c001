"""Home page; customize it together with `templates/home.html`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.browser.web_session import Visitor
from app.api.dependencies import SessionDep
from app.web.latest import load_latest
from app.web.templating import may_see, render

router = APIRouter()


@router.get("/")
async def show_home(request: Request, session: SessionDep, visitor: Visitor) -> Response:
    """Show the home page, and to users their latest rows of each feature that has `latest` in its `nav`."""
    latest = {
        item.path: rows
        for item in request.app.state.nav
        if visitor and item.latest and may_see(visitor, item)
        if (rows := await load_latest(session, visitor, item.latest))
    }
    return await render(request, "home.html", {"latest": latest})
