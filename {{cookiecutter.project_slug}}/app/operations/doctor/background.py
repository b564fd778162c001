"""Checks of jobs and emails, and of the servers that they use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select

from app.i18n import gettext as _
from app.jobs.definitions import definitions
from app.jobs.job_queue import after
from app.jobs.models import Job, JobSchedule, JobState
from app.mail.jobs import send
from app.operations.doctor.findings import Finding, Installation, error, ok, warning
from app.settings.mail_url import parse_mail_url, parse_sender

LATE = timedelta(minutes=5)
OLD_BACKUP = timedelta(days=2)
SMTP_TIMEOUT_SECONDS = 5
_BACKUPS, _FILES = "app.operations.backup", "app.files"


async def check_jobs(installation: Installation) -> Sequence[Finding]:
    """Check that a process runs jobs, and that none is late or has failed."""
    database, late = installation.database, after(installation.database, -LATE)
    scheduled = [name for name, item in definitions.items() if item.schedule is not None]
    plans = select(func.min(JobSchedule.next_at) <= late).where(JobSchedule.name.in_(scheduled))
    ((is_missed,),) = await database.execute(plans)
    pending = await _count(installation, Job.state == JobState.PENDING)
    overdue = await _count(installation, (Job.state == JobState.PENDING) & (Job.due_at <= late))
    failed = await _count(installation, (Job.state == JobState.FAILED) & (Job.name != send.name))
    text, values = _("%(pending)d are waiting, %(overdue)d of them late, %(failed)d failed."), {"pending": pending}
    values |= {"overdue": overdue, "failed": failed}
    if is_missed is not False:  # None if no process ever planned one
        fix = _("Start `app serve`.") if installation.settings.jobs.in_server else _("Start `app worker`.")
        report = error if installation.is_production else warning
        return [*report(_("No process runs jobs."), fix), *ok(text, **values)]
    if overdue:
        return warning(text, _("Start more of `app worker`, or raise JOBS_CONCURRENCY."), **values)
    if failed:
        return warning(text, _("The admin has their errors: retry or delete them there."), **values)
    return ok(text, **values)


async def check_emails(installation: Installation) -> Sequence[Finding]:
    """Count the emails that were given up."""
    if failed := await _count(installation, (Job.state == JobState.FAILED) & (Job.name == send.name)):
        fix = _("The admin has their errors: retry or delete them there.")
        return warning(_("%(failed)d could not be delivered."), fix, failed=failed)
    return ok(_("None was given up."))


async def check_smtp(installation: Installation) -> Sequence[Finding]:
    """Connect to the mail server and sign in; nothing is sent."""
    settings = installation.settings.mail
    server, sender = parse_mail_url(settings.url.get_secret_value()), parse_sender(settings.sender)
    if isinstance(server, Path):
        text = _("Emails are written to %(folder)s and not sent.")
        fix = _("Set MAIL_URL=smtp://USER:PASSWORD@HOST:587.")
        return warning(text, fix, folder=server) if installation.is_production else ok(text, folder=server)
    import aiosmtplib  # noqa: PLC0415 - only where emails are sent by SMTP

    values = {"host": server.host, "sender": sender.addr_spec}
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.implicit_tls,
        start_tls=not server.implicit_tls,
        local_hostname=sender.domain,
        timeout=SMTP_TIMEOUT_SECONDS,
    )
    try:
        async with client:
            pass
    except (aiosmtplib.SMTPException, OSError, ValueError) as problem:
        why = str(problem).partition("\n")[0].replace(server.password or "\0", "********").rstrip(".")
        return error("%(host)s: %(why)s.", _("Check MAIL_URL: host, port, user and password."), why=why, **values)
    if sender.domain == "localhost" and installation.is_production:
        return warning(_("The sender is %(sender)s."), _("Set MAIL_SENDER."), **values)
    return ok(_("%(host)s accepts the connection."), **values)


async def check_files(installation: Installation) -> Sequence[Finding]:
    """Store a file, read it and delete it."""
    if not find_spec(_FILES):
        return []
    key, store = f"doctor-{uuid4()}", import_module(f"{_FILES}.store").FileStore(installation.settings.files)
    try:
        await store.put(key, b"doctor", {})
        await store.read(key)
        await store.delete([key])
    except Exception as problem:  # noqa: BLE001 - of any store
        why = getattr(problem, "detail", None) or type(problem).__name__
        return error("%(why)s", _("Check FILES_URL; the log has the reason."), why=why)
    return ok(_("It writes, reads and deletes."))


async def check_backups(installation: Installation) -> Sequence[Finding]:
    """Check the age of the last backup, if backups are taken."""
    settings = getattr(installation.settings, "backup", None)
    if settings is None or not settings.url or not find_spec(_BACKUPS):
        return []
    names = await import_module(f"{_BACKUPS}.places").list_names(settings)
    if not names:
        return warning(_("BACKUP_URL has none."), _("Run `app backup`."))
    taken = datetime.strptime(names[-1].split(".")[0], "backup-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    text, values = _("The last one was taken at %(time)s UTC."), {"time": f"{taken:%Y-%m-%d %H:%M}"}
    is_old = datetime.now(UTC) - taken > OLD_BACKUP
    return warning(text, _("Run `app backup`; see the errors of its job."), **values) if is_old else ok(text, **values)


async def _count(installation: Installation, condition: ColumnElement[bool]) -> int:
    ((number,),) = await installation.database.execute(select(func.count()).where(condition))
    return int(number)
