"""Garbage collector tuning: freeze objects that live as long as the process (`gc.freeze`)."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freeze_gc() -> Iterator[None]:
    """Keep it away from what is being loaded, and from then on from what was.

    It would look through all of it again and again: a sixth of the time that a server takes to start. Later, one
    round would keep every request waiting for a tenth of a second. https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
