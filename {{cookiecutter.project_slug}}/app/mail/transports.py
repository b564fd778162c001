"""Email transports: SMTP and files."""

import asyncio
import logging
import ssl
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Protocol

from app.jobs.errors import JobFailed
from app.mail.message import OutgoingMessage
from app.settings.config import Environment, Settings
from app.settings.mail_url import SmtpServer, parse_mail_url

logger = logging.getLogger("app.mail")

SMTP_TIMEOUT_SECONDS = 15
"""Timeout of each SMTP reply. A dozen of them must fit into the timeout of the job `mail.send`."""

_PERMANENT = 500
"""The first reply code for permanent failures. https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1"""


class PermanentFailure(JobFailed):
    """The server rejected the email permanently: it is not retried."""


class Transport(Protocol):
    """Email transport."""

    secrets: tuple[str, ...]
    """Values to remove from error messages."""

    async def send(self, mail: OutgoingMessage) -> None:
        """Hand the email over.

        Raises:
            PermanentFailure: when the server will never accept it.
            Exception: when another attempt may succeed.
        """


def open_transport(target: SmtpServer | Path) -> Transport:
    """Return the transport for a server or a folder."""
    return FolderTransport(target) if isinstance(target, Path) else SmtpTransport(target)


def warn_of_unsent_emails(settings: Settings) -> None:
    """Log a warning if emails are written to a folder in production."""
    target = parse_mail_url(settings.mail.url.get_secret_value())
    if isinstance(target, Path) and settings.environment is Environment.PRODUCTION:
        logger.warning("MAIL_URL is a folder: emails are written to %s and not sent", target)


class SmtpTransport:
    """SMTP transport. Requires TLS with a valid certificate."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._tls = ssl.create_default_context()
        self.secrets = tuple(filter(None, (server.password,)))

    async def send(self, mail: OutgoingMessage) -> None:
        """Send one email over a new connection."""
        import aiosmtplib  # noqa: PLC0415 - only where emails are sent by SMTP

        try:
            await aiosmtplib.send(
                mail.message,
                sender=mail.sender,
                recipients=[mail.receiver],
                hostname=self._server.host,
                port=self._server.port,
                username=self._server.user,
                password=self._server.password,
                local_hostname=mail.sender.rpartition("@")[2],
                use_tls=self._server.implicit_tls,
                start_tls=not self._server.implicit_tls,
                tls_context=self._tls,
                timeout=SMTP_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError) as error:
            reply = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
            if reply.code >= _PERMANENT:
                raise PermanentFailure(f"{reply.code} {reply.message}") from error
            raise reply from error


class FolderTransport:
    """Writes each email to a file, atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.secrets: tuple[str, ...] = ()

    async def send(self, mail: OutgoingMessage) -> None:
        """Write one email with mode 0600, because it may contain a password reset link."""
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: OutgoingMessage) -> None:
        name = f"{mail.id}.eml"
        content = mail.message.as_bytes(policy=SMTP if mail.receiver.isascii() else SMTPUTF8)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._folder / f".{name}"
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(content)
        unfinished.replace(self._folder / name)
