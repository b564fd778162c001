"""`app serve`: the bundled Uvicorn, set up as the settings say."""

import gc
import logging
import multiprocessing
import os
import signal
import threading
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette

from app.collector import spared
from app.commands.addresses import sign_in_url
from app.settings import Environment, Settings, load_settings

GRACEFUL_SHUTDOWN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75  # longer than a proxy keeps an idle connection, or it meets a closed one
_OLDEST_GENERATION = 2


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [SERVER_HOST]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port [SERVER_PORT]")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes [SERVER_WORKERS]")] = None,
    *,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when code changes")] = False,
) -> None:
    """Serve the application until it is stopped."""
    if port is not None:
        os.environ["SERVER_PORT"] = str(port)  # the processes that Uvicorn starts read it
    settings = load_settings()
    server = settings.server
    _greet(settings)
    uvicorn.run(
        "app.commands.serve:build_app",
        factory=True,
        http="app.commands.protocol:BoundedProtocol",
        host=host or server.host,
        port=server.port,
        workers=None if reload else workers or server.workers,
        reload=reload,
        reload_dirs=["app"] if reload else None,
        log_config=log_config(settings.log_level),
        access_log=False,  # ours has the request id and no query string
        server_header=False,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def build_app() -> Starlette:
    """Build the app of a server process, and spare the garbage collector what it is made of."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()
    with spared():
        from app.main import create_app  # noqa: PLC0415 - a process that only watches over others does without it

        app = create_app()
    gc.callbacks.append(_freeze_when_warm)
    return app


def _stop_after(parent: BaseProcess) -> None:
    """Stop this worker when its parent is gone, even killed: it would go on holding the port."""
    parent.join()
    logging.getLogger(__name__).warning("the parent process has ended: stopping")
    os.kill(os.getpid(), signal.SIGTERM)


def _freeze_when_warm(phase: str, info: dict[str, int]) -> None:
    """Spare it as well what the first requests built and later ones use, instead of its first full round."""
    if phase == "start" and info["generation"] == _OLDEST_GENERATION:
        gc.callbacks.remove(_freeze_when_warm)
        gc.freeze()


def _greet(settings: Settings) -> None:
    """Say where everything is."""
    typer.echo(f"{settings.project_name}: {settings.base_url}  API documentation: {settings.base_url}docs")
    typer.echo(f"Sign in at {sign_in_url(settings)}")
    if settings.environment is Environment.DEVELOPMENT and settings.mail.url.get_secret_value().startswith("file:"):
        typer.echo(f"Mails stay here: {f'{settings.base_url}dev/mail' if find_spec('app.web') else 'see MAIL_URL'}")


def log_config(level: str) -> dict[str, object]:
    """Write one line an event to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # The one tells of its plugins at every start, the other of each file; Uvicorn says that it reloads.
        "loggers": {"alembic": {"level": "WARNING"}, "watchfiles": {"level": "WARNING"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
