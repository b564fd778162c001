"""Garbage collector tuning: freeze objects that live as long as the process (`gc.freeze`)."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freeze_gc() -> Iterator[None]:
    """Disable garbage collection while modules are loaded, then exclude the loaded objects from it.

    Collections take a sixth of a server's startup time. Later, a full collection would delay all requests by a tenth
    of a second. https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
