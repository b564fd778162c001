"""Home page; customize it together with `templates/home.html`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.browser.web_session import Visitor
from app.api.dependencies import SessionDep
from app.web.latest import FEATURES, LatestRow, load_latest
from app.web.templating import may_see, render

router = APIRouter()


@router.get("/")
async def show_home(request: Request, session: SessionDep, visitor: Visitor) -> Response:
    """Show the home page, and to users their latest rows of the first features that have `latest` in their `nav`."""
    latest: dict[str, list[LatestRow]] = {}
    if visitor:
        nav = [item for item in request.app.state.nav if item.latest and may_see(visitor, item)]
        found = [(item.path, await load_latest(session, visitor, item.latest)) for item in nav[:FEATURES]]
        latest = {path: rows for path, rows in found if rows}
    return await render(request, "home.html", {"latest": latest})
