"""Home page; customize it together with `templates/home.html`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.templating import render

router = APIRouter()


@router.get("/")
async def show_home(request: Request) -> Response:
    """Show the home page."""
    return await render(request, "home.html")
