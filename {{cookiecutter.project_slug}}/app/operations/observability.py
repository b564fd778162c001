"""Starts what observes this process: metrics, traces and error tracking. All are off by default.

Each is imported only if its setting is set, so that it costs nothing otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.settings.config import Settings


def start(settings: Settings) -> None:
    """Start traces and error tracking, before the app is built: FastAPI then asks for the traces once."""
    if settings.sentry_dsn:
        from app.operations import error_tracking  # noqa: PLC0415 - as the module says

        error_tracking.start(settings)
    if settings.otel_exporter_otlp_endpoint:
        from app.operations import tracing  # noqa: PLC0415

        tracing.start(settings)


def mount(app: FastAPI, settings: Settings) -> None:
    """Add `/metrics` to the app."""
    if settings.metrics.token:
        from app.operations.metrics import endpoint  # noqa: PLC0415

        app.include_router(endpoint.router)


@asynccontextmanager
async def observe(settings: Settings, state: Mapping[str, Any], app: FastAPI | None) -> AsyncIterator[None]:
    """Observe a server or, without an app, a worker; at the end, send what isn't sent."""
    start(settings)
    flushes: list[Callable[[], object]] = []
    async with AsyncExitStack() as stack:
        if settings.metrics.token:
            from app.operations.metrics import processes  # noqa: PLC0415

            await stack.enter_async_context(processes.measured(settings, state, is_worker=app is None))
        if settings.sentry_dsn:
            from app.operations import error_tracking  # noqa: PLC0415

            flushes.append(error_tracking.flush)
        if settings.otel_exporter_otlp_endpoint:
            from app.operations import tracing  # noqa: PLC0415

            tracing.trace_statements(state["database"])
            flushes.append(tracing.flush)
        try:
            yield
        finally:
            await asyncio.gather(*(asyncio.to_thread(flush) for flush in flushes))
