"""Queue emails: render them, and enqueue the job that sends them in the current transaction."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession

from app.i18n import SOURCE_LOCALE, add_translations, current_locale, use_locale
from app.mail import jobs
from app.mail.message import parse_message, set_language
from app.settings.config import Settings

# Line breaks of any kind, other control characters, and lone surrogates, which can't be encoded.
_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class Mailer:
    """Renders emails from templates and queues them."""

    def __init__(self, settings: Settings, folders: Sequence[Path]) -> None:
        self._project = settings.project_name
        self._base_url = str(settings.base_url).rstrip("/")
        self._environment = Environment(  # noqa: S701 - plain text, not HTML
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=single_line,
        )
        add_translations(self._environment)

    async def enqueue(
        self,
        session: AsyncSession,
        to: str,
        template: str,
        *postscripts: str,
        locale: str | None = None,
        owner_id: UUID | None = None,
        **context: object,
    ) -> None:
        """Queue the email `mails/<template>.txt`; it is sent if the transaction commits.

        The paragraphs of `postscripts`, which are templates too, are appended. `locale` is that of the account; without
        one, the email is in the language of the request. An email that isn't sent yet is deleted with the account
        `owner_id`.
        """
        with use_locale(locale):
            text = "\n\n".join(self._render(name, context) for name in (template, *postscripts))
            text = set_language(text, current_locale())
        parse_message(text, self._base_url)  # fail here if the template is invalid
        await jobs.send.set(owner_id=owner_id, label=template).enqueue(session, to, text)

    def _render(self, template: str, context: Mapping[str, object]) -> str:
        values = {name: _format(value) for name, value in context.items()}
        return self._environment.get_template(f"mails/{template}.txt").render(
            project=self._project, base_url=self._base_url, **values
        )


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
