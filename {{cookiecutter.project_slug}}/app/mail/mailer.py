"""Post a mail: render it, encrypt it, and put it into the outbox with the transaction that it tells of."""

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession

from app.keys import KeyRing
from app.mail.models import OutboxMail
from app.settings import Settings


class Mailer:
    """Writes mails from the templates in some folders."""

    def __init__(self, settings: Settings, keys: KeyRing, folders: Sequence[Path]) -> None:
        self._settings = settings
        self._keys = keys
        self._environment = Environment(  # noqa: S701 - text, which nothing interprets
            loader=FileSystemLoader(folders), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    async def post(self, session: AsyncSession, to: str, template: str, **context: object) -> None:
        """Post `mails/<template>.txt` to an address: it leaves when the transaction is committed, or not at all."""
        text = self._environment.get_template(f"mails/{template}.txt").render(
            project=self._settings.project_name, base_url=str(self._settings.base_url).rstrip("/"), **context
        )
        payload = self._keys.encrypt("outbox", json.dumps({"to": to, "text": text}).encode())
        session.add(OutboxMail(template=template, payload=payload))
        await session.flush()
