"""What a server process asks of the operating system: open files, and an end together with its parent."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)

WANTED_FILES = 16_384  # 10,000 connections and a reserve; macOS allows no process an unlimited number


def raise_file_limit() -> None:
    """Raise the soft limit of open files, often 1024 or less; child processes inherit it."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Unix only

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):  # the system has another limit: keep what there is
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def stop_with_parent() -> None:
    """Stop this worker when the process that started it is gone, even killed: it would go on holding the port."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()


def _stop_after(parent: BaseProcess) -> None:
    parent.join()
    logger.warning("the parent process has ended: stopping")
    os.kill(os.getpid(), signal.SIGTERM)
