"""`app worker`: sends mails, where several servers run and none of them shall."""

import asyncio
import logging
import logging.config
import signal

import typer

from app.commands.serve import log_config
from app.database import opened_database
from app.keys import KeyRing
from app.mail.delivery import Delivery
from app.settings import Settings, load_settings


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("worker")(send_mails)


def send_mails() -> None:
    """Send mails until it is stopped; needed where MAIL_IN_SERVER is false."""
    settings = load_settings()
    logging.config.dictConfig(log_config(settings.log_level))
    asyncio.run(_deliver(settings))


async def _deliver(settings: Settings) -> None:
    """Send what the servers post; their transactions wake nobody here, so mails leave after `MAIL_INTERVAL`."""
    loop = asyncio.get_running_loop()
    async with opened_database(settings.database.direct()) as database:
        delivery = Delivery(settings, database, KeyRing(settings), asyncio.Event())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(delivery.stop))
        await delivery.run()
