"""`app worker`: send emails in a separate process."""

import asyncio
import logging
import logging.config
import signal

import typer

from app.api.logs import log_config
from app.database.connection import open_database
from app.mail.delivery import DeliveryWorker
from app.settings.config import Settings, load_settings
from app.settings.keys import KeyRing


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("worker")(run_worker)


def run_worker() -> None:
    """Start the worker that sends emails. Required if MAIL_IN_SERVER is false."""
    settings = load_settings()
    logging.config.dictConfig(log_config(settings.log_level))
    asyncio.run(_deliver(settings))


async def _deliver(settings: Settings) -> None:
    """Send queued emails. The worker is not notified of new ones, so it polls every `MAIL_POLL_INTERVAL`."""
    loop = asyncio.get_running_loop()
    async with open_database(settings.database.direct()) as database:
        delivery = DeliveryWorker(settings, database, KeyRing(settings), asyncio.Event())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(delivery.stop))
        await delivery.run()
