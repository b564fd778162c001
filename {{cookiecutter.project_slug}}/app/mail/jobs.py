"""The job that sends an email."""

import asyncio
from datetime import timedelta
from functools import lru_cache

from app.jobs.definitions import job
from app.jobs.run import JobRun
from app.mail.message import compose
from app.mail.transports import Transport, open_transport
from app.settings.mail_url import parse_mail_url

RETRY_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""Delay after each failed attempt; the last one repeats."""


@job(
    queue="mail",
    max_attempts=lambda settings: settings.mail.max_attempts,
    timeout=timedelta(minutes=5),  # a dozen times `SMTP_TIMEOUT_SECONDS`
    retry_delays=RETRY_DELAYS,
    encrypted=True,
)
async def send(run: JobRun, to: str, text: str) -> None:
    """Send an email. `text` is a rendered template, with the subject in its first line."""
    transport = _transport(run.settings.mail.url.get_secret_value())
    run.secrets = transport.secrets
    # Composing takes milliseconds, which would block the event loop.
    message = await asyncio.to_thread(compose, run.settings, run.id, to, text)
    await transport.send(message)


@lru_cache(maxsize=1)
def _transport(url: str) -> Transport:
    """Return the transport. Reading the certificate authorities takes long."""
    return open_transport(parse_mail_url(url))
