"""Checks of the project as seen from outside, at `BASE_URL`."""

import asyncio
import http.client
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from app.accounts.models import AuthEvent
from app.i18n import gettext as _
from app.operations.doctor.findings import Finding, Installation, error, ok, warning

TIMEOUT_SECONDS = 5
EXPIRES_SOON = timedelta(days=14)
MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)
_EVENTS = 20  # if so many are from one private address, it is probably a proxy's


async def check_website(installation: Installation) -> Sequence[Finding]:
    """Ask for the readiness of the project at `BASE_URL`; check its clock, certificate, HSTS and redirect."""
    return await asyncio.to_thread(_check_url, f"{installation.settings.base_url}health/ready")


def _check_url(url: str) -> Sequence[Finding]:
    is_public = url.startswith("https:")
    try:
        status, headers, certificate = _get(url)
    except ssl.SSLError as problem:
        why = getattr(problem, "verify_message", None) or problem.reason
        return error("%(url)s: %(why)s.", _("Install a valid certificate, with its chain."), url=url, why=why)
    except (OSError, http.client.HTTPException) as problem:
        fix = _("Check BASE_URL, its DNS record and the reverse proxy.") if is_public else _("Start `app serve`.")
        return (error if is_public else warning)(
            _("%(url)s doesn't respond: %(why)s."), fix, url=url, why=problem or type(problem).__name__
        )
    if status == HTTPStatus.OK:
        found = ok(_("%(url)s responds."), url=url)
    else:
        fix = _("See the other findings. If there are none, check BASE_URL and the reverse proxy.")
        found = error(_("%(url)s responds with %(status)d."), fix, url=url, status=status)
    with suppress(TypeError, ValueError):
        seconds = (parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)).total_seconds()
        if abs(seconds) > MAX_CLOCK_DIFFERENCE.total_seconds():
            fix = _("Synchronize both clocks, for example with chrony.")
            found += warning(_("Its clock is %(seconds)+d seconds off this machine's."), fix, seconds=seconds)
    return [*found, *(_check_tls(url, headers, certificate) if is_public else ())]


def _check_tls(url: str, headers: Any, certificate: Any) -> Sequence[Finding]:  # noqa: ANN401 - the library's
    expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    text, values = _("The certificate expires on %(date)s."), {"date": expires_at.date()}
    is_valid = expires_at - datetime.now(UTC) > EXPIRES_SOON
    found = ok(text, **values) if is_valid else warning(text, _("Renew it; that should be automatic."), **values)
    if "Strict-Transport-Security" not in headers:
        fix = _("Let the reverse proxy keep this header of the project.")
        found += warning(_("Responses don't have Strict-Transport-Security."), fix)
    if urlsplit(url).port is None:
        with suppress(OSError, http.client.HTTPException):
            _status, headers, _certificate = _get(url.replace("https:", "http:", 1))
            if not headers.get("Location", "").startswith("https:"):
                found += warning(_("http: is not redirected to https:."), _("Redirect it in the reverse proxy."))
    return found


def _get(url: str) -> tuple[int, Any, Any]:
    """Return status, headers and, of HTTPS, the certificate."""
    parts, certificate = urlsplit(url), None
    kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        certificate = connection.sock.getpeercert() if parts.scheme == "https" else None
        response = connection.getresponse()
        return response.status, response.headers, certificate
    finally:
        connection.close()


async def check_proxies(installation: Installation) -> Sequence[Finding]:
    """Check that the addresses of clients are theirs, not those of a proxy."""
    trusted, visit = installation.settings.server.trusted_proxies, installation.visit
    if visit and visit.is_forwarded and not trusted:
        text = _("Requests come from %(ip)s with X-Forwarded-For, which isn't trusted.")
        return warning(text, _("If that is your proxy, set SERVER_TRUSTED_PROXIES=%(ip)s."), ip=visit.ip)
    latest = select(AuthEvent.ip).where(AuthEvent.ip != "").order_by(AuthEvent.id.desc()).limit(_EVENTS)
    addresses = [ip for (ip,) in await installation.database.execute(latest)]
    if len(addresses) == _EVENTS and len({*addresses}) == 1 and _is_private(addresses[0]):
        text = _("The last %(number)d sign-ins and other events are all from %(ip)s.")
        fix = _("If that is your proxy, set SERVER_TRUSTED_PROXIES=%(ip)s.")
        return warning(text, fix, ip=addresses[0], number=_EVENTS)
    return ok(_("Trusted: %(proxies)s"), proxies=", ".join(trusted)) if trusted else ok(_("None is trusted."))


def _is_private(ip: str) -> bool:
    with suppress(ValueError):
        return ip_address(ip).is_private and not ip_address(ip).is_loopback
    return False
