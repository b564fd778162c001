"""Render emails: plain text and HTML from one template.

    Subject: Confirm your email address

    A paragraph; others follow after an empty line.

    Confirm your email address:
    https://example.com/verify/…

A line `Content-Language: de` below the subject names the language, if it isn't English.

A paragraph whose last line is a link to this project, with at most one line above it, becomes a button in HTML. The
line above the link is its label: start it with a verb.
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from app.database.base import utc_now
from app.i18n import SOURCE_LOCALE, describe_language, gettext, gettext_noop, use_locale
from app.settings.config import Settings
from app.settings.mail_url import parse_sender
from app.theme import read_colors

BUTTON = gettext_noop("Open the link")

_LANGUAGE = "Content-Language: "


class Paragraph(NamedTuple):
    """Lines of text, or a button if there is a link."""

    lines: list[str]
    link: str | None = None
    label: str = BUTTON


class MessageText(NamedTuple):
    """A parsed email text."""

    subject: str
    paragraphs: list[Paragraph]
    locale: str

    @property
    def preview(self) -> str:
        """Return the text that inboxes show next to the subject."""
        return " ".join(self.paragraphs[0].lines)


class OutgoingMessage(NamedTuple):
    """An email message with its SMTP envelope."""

    id: UUID
    sender: str
    receiver: str
    message: EmailMessage


def parse_message(text: str, base_url: str) -> MessageText:
    """Parse a rendered template.

    Raises:
        ValueError: when it doesn't start with a subject, or has no content.
    """
    first, *blocks = re.split(r"\n\s*\n", text.strip())
    first, _, language = first.partition(f"\n{_LANGUAGE}")
    name, _, subject = first.partition(":")
    if name != "Subject" or not subject.strip() or "\n" in first or not blocks:
        raise ValueError("an email starts with a line `Subject: …`, an empty line and a paragraph")
    with use_locale(language or SOURCE_LOCALE):
        paragraphs = [_read_paragraph(block, base_url) for block in blocks]
    return MessageText(subject.strip(), paragraphs, language or SOURCE_LOCALE)


def set_language(text: str, locale: str) -> str:
    """Add the language to the text of an email that isn't in English."""
    return text if locale == SOURCE_LOCALE else text.lstrip().replace("\n", f"\n{_LANGUAGE}{locale}\n", 1)


def compose(settings: Settings, mail_id: UUID, to: str, text: str) -> OutgoingMessage:
    """Build the message. Its Message-ID is stable, so that clients can deduplicate retries."""
    base_url = str(settings.base_url).rstrip("/")
    content, sender, receiver = parse_message(text, base_url), parse_sender(settings.mail.sender), ascii_address(to)
    language = describe_language(content.locale)
    context = {
        "project": settings.project_name,
        "base_url": base_url,
        "message": content,
        "language": language,
        "colors": read_colors(),
    }
    body = "\n\n".join("\n".join(paragraph.lines) for paragraph in content.paragraphs)

    message = EmailMessage()
    message["Subject"] = content.subject
    message["From"] = Address(sender.display_name or settings.project_name, sender.username, sender.domain)
    message["To"] = Address("", *receiver.rsplit("@", 1))
    message["Date"] = utc_now()
    message["Message-ID"] = f"<{mail_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no auto-replies. https://www.rfc-editor.org/rfc/rfc3834
    message.set_content(f"{body}\n\n-- \n{settings.project_name}\n{base_url}\n", cte="quoted-printable")
    message.add_alternative(_layout().render(context), subtype="html", cte="quoted-printable")
    if content.locale != SOURCE_LOCALE:
        message["Content-Language"] = language.tag
    return OutgoingMessage(mail_id, sender.addr_spec, receiver, message)


def ascii_address(address: str) -> str:
    """Return an address with its domain IDNA-encoded."""
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("not an email address") from error
    return valid.ascii_email or valid.normalized


def _read_paragraph(block: str, base_url: str) -> Paragraph:
    lines = [line.strip() for line in block.split("\n")]
    *above, last = lines
    if len(above) > 1 or not re.fullmatch(rf"{re.escape(base_url)}(/\S*)?", last):
        return Paragraph(lines)
    return Paragraph(lines, last, above[0].rstrip(":") if above else gettext(BUTTON))


@lru_cache
def _layout() -> Template:
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("layout.html")
