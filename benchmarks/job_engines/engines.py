"""Finds an engine by name; each is imported only where its packages are installed."""

import importlib

from benchmarks.job_engines.engine import Engine, Options

ENGINES = {
    "project": ("project_engine", "Project"),
    "procrastinate": ("procrastinate_engine", "Procrastinate"),
    "pgqueuer": ("pgqueuer_engine", "PgQueuer"),
    "taskiq": ("taskiq_engine", "Taskiq"),
}


def build(name: str, options: Options) -> Engine:
    """Return an engine."""
    module, class_name = ENGINES[name]
    found = importlib.import_module(f"benchmarks.job_engines.{module}")
    engine: Engine = getattr(found, class_name)(options)
    return engine
