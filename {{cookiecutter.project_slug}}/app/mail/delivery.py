"""The loop that sends what is in the outbox, in a server's process or in `app worker`."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.database import Database
from app.keys import KeyRing
from app.mail import outbox
from app.mail.letter import compose
from app.mail.mailer import Mailer, unseal
from app.mail.outbox import Claimed
from app.mail.transports import Refused, open_transport
from app.mail_url import read_mail_url
from app.outages import OUTAGES, report
from app.settings import Environment, Settings

logger = logging.getLogger("app.mail")

SECONDS_AFTER_AN_ERROR = 60
SECONDS_TO_FINISH = 5
SECONDS_BEHIND_THE_ANSWER = 0.1

_MAX_ERROR_CHARACTERS = 500
_PRIVATE = re.compile(r"https?://\S+|[^\s<>()]+@[^\s<>()]+")


class Delivery:
    """Sends what is due, one mail after the other."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing, wake: asyncio.Event) -> None:
        target = read_mail_url(settings.mail.url.get_secret_value())
        self._settings = settings
        self._database = database
        self._keys = keys
        self._wake = wake
        self._transport = open_transport(target)
        self._stopping = False
        if isinstance(target, Path) and settings.environment is Environment.PRODUCTION:
            logger.warning("MAIL_URL is a folder: mails are only written to %s, nobody gets them", target)

    async def run(self) -> None:
        """Send until `stop` is called; what fails here must not end the process."""
        while not self._stopping:
            self._wake.clear()
            pause = self._settings.mail.interval.total_seconds()
            try:
                await self.send_due()
            except OUTAGES as error:
                report(error)
                pause = SECONDS_AFTER_AN_ERROR
            except Exception:
                logger.exception("the outbox cannot be used; next look in a minute")
                pause = SECONDS_AFTER_AN_ERROR
            await self._wait(pause)

    def stop(self) -> None:
        """End `run` when the mail that is being sent has left."""
        self._stopping = True
        self._wake.set()

    async def send_due(self) -> None:
        """Send all whose time has come."""
        while not self._stopping and (mail := await outbox.claim(self._database)):
            await self._send(mail)

    async def _send(self, mail: Claimed) -> None:
        try:
            to, text = unseal(self._keys, mail.payload)
            # It takes some milliseconds, in which the loop could not answer anybody.
            letter = await asyncio.to_thread(compose, self._settings, mail.id, to, text)
            await self._transport.send(letter)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other mails shall leave
            await self._note_error(mail, error)
        else:
            await outbox.note_sent(self._database, mail)
            logger.info("sent: %s %s", mail.template, mail.id)

    async def _note_error(self, mail: Claimed, error: Exception) -> None:
        words = explain(error, self._transport.secrets)
        if isinstance(error, Refused) or mail.attempts >= self._settings.mail.attempts:
            await outbox.give_up(self._database, mail, words)
            logger.error("given up: %s %s, attempt %d: %s", mail.template, mail.id, mail.attempts, words)
        else:
            await outbox.note_failure(self._database, mail, words)
            logger.warning("not sent: %s %s, attempt %d: %s", mail.template, mail.id, mail.attempts, words)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        # Whoever made the mail be posted gets their answer first, or its time would tell that there was one.
        await asyncio.sleep(SECONDS_BEHIND_THE_ANSWER)


def explain(error: Exception, secrets: tuple[str, ...] = ()) -> str:
    """Say what went wrong without addresses, links and secrets: a server may repeat whatever it was told."""
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    for secret in secrets:
        words = words.replace(secret, "…")
    return _PRIVATE.sub("…", words)[:_MAX_ERROR_CHARACTERS]


@asynccontextmanager
async def delivering(settings: Settings, database: Database, keys: KeyRing, mailer: Mailer) -> AsyncIterator[None]:
    """Send mails beside whatever the process does, unless `MAIL_IN_SERVER` is false."""
    if not settings.mail.in_server:
        yield
        return
    delivery = Delivery(settings, database, keys, mailer.posted)
    loop = asyncio.create_task(delivery.run())
    try:
        yield
    finally:
        delivery.stop()
        await asyncio.wait({loop}, timeout=SECONDS_TO_FINISH)
        loop.cancel()  # the mail that a server has not taken by now is tried again when its claim ends
        await asyncio.gather(loop, return_exceptions=True)
