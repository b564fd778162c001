"""Helpers for tests of emails: an SMTP server, queued emails and the mail folder."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from ssl import SSLContext
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.jobs.models import Job
from app.mail.mailer import Mailer
from app.settings.config import Settings
from tests.jobs.helpers import new_runner
from tests.postgres import free_port
from tests.support import in_database

USER, PASSWORD = "ada@mail.test", "p@ss/wörd: 100%"
LOGIN = "ada%40mail.test:p%40ss%2Fw%C3%B6rd%3A%20100%25"
"""User and password, URL-encoded."""


class Inbox:
    """Handler of the SMTP server: stores received emails and sends configurable replies."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.tls: list[bool] = []
        self.reply = "250 taken"
        self.rcpt_reply = "250 known"
        self.received = 0
        """Number of emails received, accepted or not."""
        self.paused = False
        """Whether replies are held back."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        """Reply to RCPT."""
        _ = server, session, options
        if self.rcpt_reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept or reject an email."""
        _ = server
        self.received += 1
        while self.paused:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(0.01)
        if self.reply.startswith("2"):
            self.envelopes.append(envelope)
            self.tls.append(session.ssl is not None)
        return self.reply


class MailServer(NamedTuple):
    """A running server and its inbox."""

    port: int
    inbox: Inbox

    @property
    def mails(self) -> list[EmailMessage]:
        """Accepted emails."""
        return [parse(envelope.original_content or b"") for envelope in self.inbox.envelopes]

    def url(self, login: str = LOGIN) -> str:
        """Return the `MAIL_URL`."""
        return f"smtp://{login}@localhost:{self.port}"


@contextmanager
def running_mail_server(*, port: int | None = None, **options: Any) -> Iterator[MailServer]:
    """Run an SMTP server with options of aiosmtpd's `SMTP`."""
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield MailServer(controller.port, inbox)
    finally:
        controller.stop()


def requiring_tls_and_login(tls: SSLContext) -> dict[str, Any]:
    """Return the options of a server that requires STARTTLS and authentication."""
    return {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": check_login}


def check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    """Authenticate the only user."""
    _ = server, session, envelope, mechanism
    known = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def enqueue(client: TestClient, mailer: Mailer, *addresses: str, text: str = "Hello.") -> None:
    """Queue an email to each address in one transaction."""

    async def work(session: AsyncSession) -> None:
        for address in addresses:
            await mailer.enqueue(session, address, "hello", text=text)

    in_database(client, work)


def send_due(client: TestClient, settings: Settings) -> None:
    """Send all due emails once."""
    assert client.portal is not None
    client.portal.call(new_runner(client, settings).run_due)


def queued_emails(client: TestClient) -> Sequence[Job]:
    """Return the jobs of all emails, sent or not, oldest first."""

    async def read(session: AsyncSession) -> Sequence[Job]:
        return (await session.scalars(select(Job).where(Job.name == "mail.send").order_by(Job.id))).all()

    return in_database(client, read)


def update_all(client: TestClient, **values: Any) -> None:
    """Update the jobs of all emails."""

    async def work(session: AsyncSession) -> None:
        await session.execute(update(Job).where(Job.name == "mail.send").values(values))

    in_database(client, work)


def emails_in(folder: Path) -> list[EmailMessage]:
    """Return the emails in a folder, oldest first."""
    return [parse(path.read_bytes()) for path in sorted(folder.glob("[!.]*.eml"))]


def parse(content: bytes) -> EmailMessage:
    """Parse an email."""
    return message_from_bytes(content, policy=policy.default)


def body(mail: EmailMessage, kind: str) -> str:
    """Return the `plain` or `html` body of an email."""
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")
