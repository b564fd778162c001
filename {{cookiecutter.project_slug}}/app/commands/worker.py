"""`app worker`: run jobs in a separate process."""

import asyncio
import logging.config
from collections.abc import Sequence
from typing import Annotated

import typer

from app import features
from app.api.logs import log_config
from app.jobs.processes import run_worker
from app.main import open_state
from app.settings.config import Settings, load_settings


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("worker")(start_worker)


def start_worker(
    *,
    queues: Annotated[str, typer.Option("--queues", help="Only run jobs of these queues, such as default,mail")] = "",
) -> None:
    """Start a worker that runs jobs, such as sending emails. Required if JOBS_IN_SERVER is false."""
    configured = load_settings()
    settings = configured.model_copy(update={"database": configured.database.direct()})
    logging.config.dictConfig(log_config(settings))
    features.load_models()
    features.load_permissions()
    features.load_jobs()
    asyncio.run(_work(settings, [name.strip() for name in queues.split(",") if name.strip()]))


async def _work(settings: Settings, queues: Sequence[str]) -> None:
    async with open_state(settings) as state:
        await run_worker(settings, state["database"], state, queues)
