"""The home page: yours to rewrite, with its template `templates/home.html`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.templating import render

router = APIRouter()


@router.get("/")
async def show_home(request: Request) -> Response:
    """Say what is here."""
    return await render(request, "home.html")
