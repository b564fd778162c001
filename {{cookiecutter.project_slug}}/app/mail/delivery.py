"""Delivery loop for the outbox, in a server process or in `app worker`."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.database.connection import Database
from app.database.outages import OUTAGES, log_outage
from app.mail import outbox
from app.mail.mailer import Mailer, decrypt_payload
from app.mail.message import compose
from app.mail.outbox import ClaimedMessage
from app.mail.transports import PermanentFailure, open_transport
from app.settings.config import Environment, Settings
from app.settings.keys import KeyRing
from app.settings.mail_url import parse_mail_url

logger = logging.getLogger("app.mail")

ERROR_RETRY_SECONDS = 60
SHUTDOWN_TIMEOUT_SECONDS = 5
SEND_DELAY_SECONDS = 0.1

_MAX_ERROR_CHARACTERS = 500
_PRIVATE = re.compile(r"https?://\S+|[^\s<>()]+@[^\s<>()]+")


class DeliveryWorker:
    """Sends due emails one at a time."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing, wake: asyncio.Event) -> None:
        target = parse_mail_url(settings.mail.url.get_secret_value())
        self._settings = settings
        self._database = database
        self._keys = keys
        self._wake = wake
        self._transport = open_transport(target)
        self._stopping = False
        if isinstance(target, Path) and settings.environment is Environment.PRODUCTION:
            logger.warning("MAIL_URL is a folder: emails are written to %s and not sent", target)

    async def run(self) -> None:
        """Send until `stop` is called; errors don't end the loop."""
        while not self._stopping:
            self._wake.clear()
            pause = self._settings.mail.poll_interval.total_seconds()
            try:
                await self.send_due()
            except OUTAGES as error:
                log_outage(error)
                pause = ERROR_RETRY_SECONDS
            except Exception:
                logger.exception("the outbox is unavailable; retrying in a minute")
                pause = ERROR_RETRY_SECONDS
            await self._wait(pause)

    def stop(self) -> None:
        """Stop `run` after the current email."""
        self._stopping = True
        self._wake.set()

    async def send_due(self) -> None:
        """Send all due emails."""
        while not self._stopping and (mail := await outbox.claim(self._database)):
            await self._send(mail)

    async def _send(self, mail: ClaimedMessage) -> None:
        try:
            to, text = decrypt_payload(self._keys, mail.payload)
            # Composing takes milliseconds, which would block the event loop.
            message = await asyncio.to_thread(compose, self._settings, mail.id, to, text)
            await self._transport.send(message)
        except Exception as error:  # noqa: BLE001 - one broken email must not hold up the others
            await self._record_failure(mail, error)
        else:
            await outbox.mark_sent(self._database, mail)
            logger.info("sent: %s %s", mail.template, mail.id)

    async def _record_failure(self, mail: ClaimedMessage, error: Exception) -> None:
        text = describe_error(error, self._transport.secrets)
        if isinstance(error, PermanentFailure) or mail.attempts >= self._settings.mail.max_attempts:
            await outbox.mark_failed(self._database, mail, text)
            logger.error("giving up on email: %s %s, attempt %d: %s", mail.template, mail.id, mail.attempts, text)
        else:
            await outbox.schedule_retry(self._database, mail, text)
            logger.warning("sending failed: %s %s, attempt %d: %s", mail.template, mail.id, mail.attempts, text)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        # Let the request that queued the email finish first; otherwise its response time would reveal it.
        await asyncio.sleep(SEND_DELAY_SECONDS)


def describe_error(error: Exception, secrets: tuple[str, ...] = ()) -> str:
    """Describe an error without the addresses, links and secrets that servers may echo."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    for secret in secrets:
        text = text.replace(secret, "…")
    return _PRIVATE.sub("…", text)[:_MAX_ERROR_CHARACTERS]


@asynccontextmanager
async def mail_delivery(settings: Settings, database: Database, keys: KeyRing, mailer: Mailer) -> AsyncIterator[None]:
    """Send emails in the background, unless `MAIL_IN_SERVER` is false."""
    if not settings.mail.in_server:
        yield
        return
    delivery = DeliveryWorker(settings, database, keys, mailer.enqueued)
    loop = asyncio.create_task(delivery.run())
    try:
        yield
    finally:
        delivery.stop()
        await asyncio.wait({loop}, timeout=SHUTDOWN_TIMEOUT_SECONDS)
        loop.cancel()  # an unfinished email is retried when its claim expires
        await asyncio.gather(loop, return_exceptions=True)
