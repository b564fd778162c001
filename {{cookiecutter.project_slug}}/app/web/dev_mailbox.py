"""Development mailbox at `/dev/mail`: shows the emails written to the folder in `MAIL_URL`.

The pages return 404 in production and on sites served over HTTPS, because they show the links of all users.
"""

import asyncio
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.errors import NotFound
from app.settings.config import Settings
from app.settings.mail_url import parse_mail_url
from app.web.templating import render

MAX_MESSAGES = 50

# For the frame with the email: allows styles, and links that leave the frame, but nothing else.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-top-navigation-by-user-activation"
)


class StoredMessage(NamedTuple):
    """An email in the folder."""

    id: str
    subject: str
    to: str
    date: datetime
    text: str
    html: str


async def require_development(request: Request) -> None:
    """Return 404 outside development."""
    settings: Settings = request.state.settings
    if not settings.shows_dev_mailbox:
        raise NotFound


router = APIRouter(prefix="/dev/mail", dependencies=[Depends(require_development)])


@router.get("")
async def list_mails(request: Request) -> Response:
    """List the newest emails."""
    folder = _folder(request)
    mails = await asyncio.to_thread(_read_newest, folder) if folder else []
    return await render(request, "dev_mailbox/list.html", {"mails": mails, "folder": folder})


@router.get("/{mail_id}")
async def show_mail(request: Request, mail_id: UUID) -> Response:
    """Show an email as text and as HTML."""
    return await render(request, "dev_mailbox/message.html", {"mail": await _read_mail(request, mail_id)})


@router.get("/{mail_id}/html")
async def show_mail_html(request: Request, mail_id: UUID) -> Response:
    """Return the HTML version of an email, for the frame."""
    mail = await _read_mail(request, mail_id)
    page = mail.html.replace("<head>", '<head><base target="_top">', 1)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def _folder(request: Request) -> Path | None:
    settings: Settings = request.state.settings
    target = parse_mail_url(settings.mail.url.get_secret_value())
    return target if isinstance(target, Path) else None


async def _read_mail(request: Request, mail_id: UUID) -> StoredMessage:
    folder = _folder(request)
    try:
        if folder is not None:
            return await asyncio.to_thread(_read, folder / f"{mail_id}.eml")
    except FileNotFoundError:
        pass
    raise NotFound


def _read_newest(folder: Path) -> list[StoredMessage]:
    """Read the newest emails. The files are named by UUIDv7, so they sort by time."""
    return [_read(path) for path in sorted(folder.glob("[!.]*.eml"), reverse=True)[:MAX_MESSAGES]]


def _read(path: Path) -> StoredMessage:
    mail = message_from_bytes(path.read_bytes(), policy=default)
    return StoredMessage(
        path.stem, mail["Subject"].strip(), mail["To"], mail["Date"].datetime, _body(mail, "plain"), _body(mail, "html")
    )


def _body(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return part.get_content().replace("\r\n", "\n") if part else ""
