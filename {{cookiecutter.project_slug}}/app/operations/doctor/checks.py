"""The checks, and how they are run: at the same time, each with a timeout, none stopping the others."""

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.i18n import gettext as _
from app.i18n import gettext_noop
from app.operations.doctor import background, configuration, database, machine, website
from app.operations.doctor.findings import Check, Finding, Installation, Status, error

TIMEOUT_SECONDS = 20

CHECKS: dict[str, tuple[str, Check]] = {
    "settings": (gettext_noop("Settings"), configuration.check_settings),
    "secrets": (gettext_noop("Secrets"), configuration.check_secrets),
    "folders": (gettext_noop("Folders"), machine.check_folders),
    "open-files": (gettext_noop("Open files"), machine.check_open_files),
    "port": (gettext_noop("Port"), machine.check_port),
    "database": (gettext_noop("Database"), database.check_database),
    "schema": (gettext_noop("Schema"), database.check_schema),
    "secret-key": (gettext_noop("Secret key"), database.check_secret_key),
    "connections": (gettext_noop("Connections"), database.check_connections),
    "jobs": (gettext_noop("Jobs"), background.check_jobs),
    "emails": (gettext_noop("Emails"), background.check_emails),
    "smtp": (gettext_noop("Mail server"), background.check_smtp),
    "files": (gettext_noop("File store"), background.check_files),
    "backups": (gettext_noop("Backups"), background.check_backups),
    "website": (gettext_noop("Website"), website.check_website),
    "proxies": (gettext_noop("Proxies"), website.check_proxies),
    "scaling": (gettext_noop("Scaling"), configuration.check_scaling),
}
"""The label and the function of each check, by its name in `app doctor --json`."""


class Report(NamedTuple):
    """What one check found."""

    name: str
    label: str
    findings: Sequence[Finding]


async def run_checks(installation: Installation, *, without: Collection[str] = ()) -> list[Report]:
    """Run the checks, and return what each found, in the order of `CHECKS`."""
    names = [name for name in CHECKS if name not in without]
    found = await asyncio.gather(*(_run(CHECKS[name][1], installation) for name in names))
    return [Report(name, _(CHECKS[name][0]), findings) for name, findings in zip(names, found, strict=True) if findings]


def worst(reports: Sequence[Report]) -> Status:
    """Return the worst status."""
    found = {finding.status for report in reports for finding in report.findings}
    return next((status for status in (Status.ERROR, Status.WARNING) if status in found), Status.OK)


async def _run(check: Check, installation: Installation) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await check(installation)
    except (DBAPIError, PoolTimeout):
        return []  # the check of the database or that of the schema says why
    except TimeoutError:
        return error(_("No answer within %(seconds)d seconds."), _("Try again later."), seconds=TIMEOUT_SECONDS)
    except Exception as problem:  # noqa: BLE001 - what the other checks find is shown, too
        return error(_("The check failed: %(error)s."), _("See the other findings."), error=type(problem).__name__)
