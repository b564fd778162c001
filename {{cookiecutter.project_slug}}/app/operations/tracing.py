"""Traces of requests, statements and jobs, sent by OpenTelemetry if OTEL_EXPORTER_OTLP_ENDPOINT is set.

FastAPI records the requests. Other `OTEL_…` variables, such as those of the sampler, are read from the environment:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from app.api.request_log import mask_path
from app.database.connection import Database
from app.jobs import attempt
from app.jobs.attempt import Attempt
from app.settings.config import Settings

FLUSH_MILLISECONDS = 2000

_tracer = trace.get_tracer("app")


class _Masking(SpanProcessor):
    """Removes tokens from URLs, as the request log does, and the query."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - OpenTelemetry's
        attributes = span.attributes or {}
        if "url.path" in attributes:
            span.set_attribute("url.path", mask_path(str(attributes["url.path"])))
        if "url.query" in attributes:
            span.set_attribute("url.query", "REDACTED")


def start(settings: Settings) -> None:
    """Send the spans of this process to the collector."""
    _start(str(settings.otel_exporter_otlp_endpoint).rstrip("/"), settings.project_name, settings.environment)


@cache
def _start(endpoint: str, name: str, environment: str) -> None:
    labels = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", name), "deployment.environment.name": environment}
    provider = TracerProvider(resource=Resource.create(labels))
    provider.add_span_processor(_Masking())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)
    attempt.observers.append(_trace_attempt)


def flush() -> None:
    """Send the spans that are left. At SIGTERM, Python exits without it."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(FLUSH_MILLISECONDS)


def trace_statements(database: Database) -> None:
    """Record a span per SQL statement, without its parameters."""
    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", _start_statement)
    event.listen(engine, "after_cursor_execute", _end_statement)
    event.listen(engine, "handle_error", _fail_statement)


def _start_statement(*arguments: Any) -> None:  # noqa: ANN401 - connection, cursor, statement, parameters, context, …
    connection, _, statement, _, context, _ = arguments
    attributes = {"db.system.name": connection.dialect.name, "db.query.text": statement}
    name = statement.split(None, 1)[0].upper()
    context.span = _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def _end_statement(*arguments: Any) -> None:  # noqa: ANN401
    arguments[4].span.end()


def _fail_statement(failure: ExceptionContext) -> None:
    span = getattr(failure.execution_context, "span", None)
    if span is not None:
        span.set_status(StatusCode.ERROR, type(failure.original_exception).__name__)
        span.end()


def _trace_attempt(running: Attempt) -> AbstractContextManager[object]:
    attributes: dict[str, str | int] = {"job.id": str(running.job.id), "job.attempt": running.job.attempts}
    return _tracer.start_as_current_span(f"job {running.job.name}", kind=SpanKind.CONSUMER, attributes=attributes)
