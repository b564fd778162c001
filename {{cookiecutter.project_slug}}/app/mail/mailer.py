"""Queue emails: render, encrypt and insert into the outbox in the current transaction."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.after_commit import after_commit
from app.i18n import SOURCE_LOCALE, add_translations, current_locale, use_locale
from app.mail.message import parse_message, set_language
from app.mail.models import OutboxMessage
from app.settings.config import Settings
from app.settings.keys import KeyRing

# Line breaks of any kind, other control characters, and lone surrogates, which can't be encoded.
_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class Mailer:
    """Renders emails from templates and queues them."""

    def __init__(self, settings: Settings, keys: KeyRing, folders: Sequence[Path]) -> None:
        self._project = settings.project_name
        self._base_url = str(settings.base_url).rstrip("/")
        self._keys = keys
        self._environment = Environment(  # noqa: S701 - plain text, not HTML
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=single_line,
        )
        add_translations(self._environment)
        self.enqueued = asyncio.Event()
        """Set when an email was queued; wakes this process's delivery loop."""

    async def enqueue(
        self,
        session: AsyncSession,
        to: str,
        template: str,
        *postscripts: str,
        locale: str | None = None,
        **context: object,
    ) -> None:
        """Queue the email `mails/<template>.txt`; it is sent if the transaction commits.

        The paragraphs of `postscripts`, which are templates too, are appended. `locale` is that of the account; without
        one, the email is in the language of the request.
        """
        with use_locale(locale):
            text = "\n\n".join(self._render(name, context) for name in (template, *postscripts))
            text = set_language(text, current_locale())
        parse_message(text, self._base_url)  # fail here if the template is invalid
        session.add(OutboxMessage(template=template, payload=encrypt_payload(self._keys, to, text)))
        await session.flush()
        self.wake_after_commit(session)

    def _render(self, template: str, context: Mapping[str, object]) -> str:
        values = {name: _format(value) for name, value in context.items()}
        return self._environment.get_template(f"mails/{template}.txt").render(
            project=self._project, base_url=self._base_url, **values
        )

    def wake_after_commit(self, session: AsyncSession) -> None:
        """Wake this process's delivery loop after the commit."""
        after_commit(session, self._wake)

    async def _wake(self) -> None:
        self.enqueued.set()


def _format(value: object) -> object:
    """Format a time in the language of the email; other values are unchanged."""
    if not isinstance(value, datetime):
        return value
    locale = current_locale()
    day = f"{value:%d %B %Y}" if locale == SOURCE_LOCALE else format_date(value, "long", locale)
    return f"{day}, {value:%H:%M} UTC"


def single_line(value: object) -> str:
    """Sanitize a template value: remove line breaks, to prevent header and paragraph injection."""
    return _UNSAFE.sub(" ", str(value)).strip()


def encrypt_payload(keys: KeyRing, to: str, text: str) -> bytes:
    """Encrypt recipient and content."""
    return keys.encrypt("outbox", json.dumps({"to": to, "text": text}).encode())


def decrypt_payload(keys: KeyRing, payload: bytes) -> tuple[str, str]:
    """Decrypt recipient and content.

    Raises:
        cryptography.fernet.InvalidToken: when none of the current keys decrypts it.
    """
    content = json.loads(keys.decrypt("outbox", payload))
    return content["to"], content["text"]
