"""The ASGI app of a server process. It imports no command line, whose libraries would stay in memory."""

import gc
import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess

from starlette.applications import Starlette

from app.commands.gc_freeze import freeze_gc

_OLDEST_GENERATION = 2


def build_app() -> Starlette:
    """Build the app of a server process and freeze its objects (`gc.freeze`)."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()
    with freeze_gc():
        from app.main import create_app  # noqa: PLC0415 - here no garbage is collected

        app = create_app()
    gc.callbacks.append(_freeze_when_warm)
    return app


def _stop_after(parent: BaseProcess) -> None:
    """Stop this worker when its parent dies, even by SIGKILL, so that it doesn't keep the port."""
    parent.join()
    logging.getLogger(__name__).warning("parent process exited, shutting down")
    os.kill(os.getpid(), signal.SIGTERM)


def _freeze_when_warm(phase: str, info: dict[str, int]) -> None:
    """Freeze the objects that the first requests created, instead of the first full collection."""
    if phase == "start" and info["generation"] == _OLDEST_GENERATION:
        gc.callbacks.remove(_freeze_when_warm)
        gc.freeze()
