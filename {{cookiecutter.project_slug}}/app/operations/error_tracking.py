"""Reports of unexpected errors to Sentry, or another service with its protocol, if SENTRY_DSN is set.

What the log says about an error, and the traceback without the values of variables: no request, no user, no address.
"""

import os
from functools import cache
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from app.jobs.errors import without_addresses
from app.settings.config import Settings

FLUSH_SECONDS = 2


def start(settings: Settings) -> None:
    """Report the errors that this process logs with a traceback."""
    if settings.sentry_dsn:
        _start(settings.sentry_dsn.get_secret_value(), settings.environment)


@cache
def _start(dsn: str, environment: str) -> None:
    sentry_sdk.init(
        dsn,
        environment=os.environ.get("SENTRY_ENVIRONMENT", environment),
        send_default_pii=False,
        include_local_variables=False,
        max_breadcrumbs=0,  # lines of the log, with addresses
        auto_enabling_integrations=False,  # they would add the request
        integrations=[LoggingIntegration(level=None)],
        before_send=_mask,
    )


def _mask(report: Event, hint: Hint) -> Event | None:
    """Add the route, and remove addresses and links; expected failures without a traceback aren't reported."""
    if route := getattr(hint.get("log_record"), "route", None):
        report["transaction"] = route
    values: list[dict[str, Any]] = report.get("exception", {}).get("values", [])
    for value in values:
        value["value"] = without_addresses(str(value.get("value") or ""))
    return report if values else None


def flush() -> None:
    """Send the reports that are left. At SIGTERM, Python exits without it."""
    sentry_sdk.flush(timeout=FLUSH_SECONDS)
