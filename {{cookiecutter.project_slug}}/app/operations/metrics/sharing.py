"""Metrics of several worker processes, which any of them returns: each writes its own to a shared directory.

https://prometheus.github.io/client_python/multiprocess/
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app.settings.config import Settings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Prometheus' client reads it when it is imported, so nothing here imports it first."""


@contextmanager
def sharing_metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Let the worker processes that are started here share their metrics."""
    if not settings.metrics.token or workers == 1 or os.environ.get(VARIABLE):
        yield
        return
    with TemporaryDirectory(prefix="metrics-") as folder:
        os.environ[VARIABLE] = folder
        yield


def encode_metrics() -> bytes:
    """Return the metrics of all processes of this server in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess  # noqa: PLC0415 - see VARIABLE

    from app.operations.metrics.instruments import REGISTRY  # noqa: PLC0415

    if not os.environ.get(VARIABLE):
        return generate_latest(REGISTRY)
    folder = Path(os.environ[VARIABLE])
    for process_id in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}:
        if not _is_running(process_id):  # its gauges are void, such as its memory; what it counted stays
            multiprocess.mark_process_dead(process_id, str(folder))  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
