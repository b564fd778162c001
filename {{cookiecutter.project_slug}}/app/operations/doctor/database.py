"""Checks of the database."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, text

from app.database import revisions
from app.database.base import utc_now
from app.database.outages import OUTAGES, outage_reason
from app.i18n import gettext as _
from app.jobs.arguments import decrypt
from app.jobs.errors import UnknownKey
from app.jobs.job_queue import after
from app.jobs.models import Job
from app.operations.doctor.findings import Finding, Installation, error, ok, warning
from app.settings.keys import KeyRing

OLDEST_POSTGRESQL = 14
MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
_LIMITS = text(
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
)


async def check_database(installation: Installation) -> Sequence[Finding]:
    """Check that the database responds, its version, its clock and the timeouts."""
    settings, database = installation.settings.database, installation.database
    is_sqlite = database.engine.dialect.name == "sqlite"
    version = func.sqlite_version() if is_sqlite else func.current_setting("server_version")
    try:
        ((version, now),) = await database.execute(select(version, after(database)))
    except OUTAGES as problem:
        return _explain(problem)
    if is_sqlite:
        return ok("SQLite %(version)s", version=version)
    found = ok("PostgreSQL %(version)s", version=version)
    if int(version.split(".")[0]) < OLDEST_POSTGRESQL:
        found += warning(_("This version is no longer maintained."), _("Upgrade PostgreSQL."))
    if abs(now - utc_now()) > MAX_CLOCK_DIFFERENCE:
        seconds = (now - utc_now()).total_seconds()
        fix = _("Synchronize both clocks, for example with chrony.")
        found += warning(_("Its clock is %(seconds)+d seconds off this machine's."), fix, seconds=seconds)
    if not settings.statement_timeout or not settings.lock_timeout:
        fix = _("Set DATABASE_STATEMENT_TIMEOUT=15 and DATABASE_LOCK_TIMEOUT=5.")
        found += warning(_("Statements may run, or wait for a lock, without a limit."), fix)
    if ":6432" in settings.url and not settings.uses_pgbouncer:
        found += warning(_("Port 6432 is usually PgBouncer's."), _("If it is, set DATABASE_PGBOUNCER=true."))
    if settings.uses_pgbouncer and not settings.direct_url:
        fix = _("Set DATABASE_DIRECT_URL to the address of PostgreSQL itself.")
        found += warning(_("Migrations and workers go through PgBouncer."), fix)
    return found


def _explain(problem: Exception) -> Sequence[Finding]:
    detail = str(getattr(problem, "driver_exception", problem)).partition("\n")[0].rstrip(".")
    fix = _("Check DATABASE_URL and that the server is running.")
    if "password authentication failed" in detail:  # also in an old volume, which keeps its password
        fix = _("Set DATABASE_PASSWORD to the password the database was created with, or change that with ALTER ROLE.")
    return error("%(reason)s (%(detail)s).", fix, reason=outage_reason(problem).rstrip("."), detail=detail)


async def check_schema(installation: Installation) -> Sequence[Finding]:
    """Compare the migrations of the code with those of the database."""
    code = revisions.code_revisions()
    if len(code.heads) > 1:
        heads = ", ".join(sorted(code.heads))
        return error(_("The migrations have several heads: %(heads)s."), _("Run `app db merge`."), heads=heads)
    async with installation.database.read_sessions() as session:
        applied = await revisions.applied(session)
        incompatible = await revisions.incompatible(session) - code.known
    at = ", ".join(sorted(applied)) or "-"
    if code.is_ahead_of(applied):
        return error(_("Migrations are pending; the database is at %(at)s."), _("Run `app db upgrade`."), at=at)
    if applied - code.known:
        report = error if incompatible else warning
        return report(_("The database belongs to a newer release (%(at)s)."), _("Deploy that release."), at=at)
    return ok(_("The database is at %(at)s, like the code."), at=at)


async def check_secret_key(installation: Installation) -> Sequence[Finding]:
    """Check that the key decrypts what is stored: an old volume may belong to another key."""
    recent = select(Job.arguments).where(Job.arguments.is_not(None)).order_by(Job.id.desc()).limit(50)
    stored = [arguments for (arguments,) in await installation.database.execute(recent) if "encrypted" in arguments]
    try:
        for arguments in stored:
            decrypt(arguments, KeyRing(installation.settings))
    except UnknownKey:
        fix = _("Add the key of this database to SECRET_KEY_FALLBACKS.")
        return error(_("The database has data that SECRET_KEY doesn't decrypt."), fix)
    return ok(
        _("It decrypts what is stored.") if stored else _("Nothing encrypted is stored that it could be tried on.")
    )


async def check_connections(installation: Installation) -> Sequence[Finding]:
    """Compare the connections of the processes with those that PostgreSQL allows."""
    database, settings = installation.database, installation.settings
    if database.engine.dialect.name == "sqlite" or settings.database.uses_pgbouncer:
        return []
    ((limit, used),) = await database.execute(_LIMITS)
    pool, live = settings.database.pool_size, int(settings.redis_url is None)
    message = _(
        "%(used)d of %(limit)d are in use. A server process opens up to %(each)d (%(pool)d for requests and jobs, "
        "%(live)d for live updates), `app worker` one more: there is room for %(processes)d."
    )
    values = {"used": used, "limit": limit, "each": pool + live, "pool": pool, "live": live}
    values |= {"processes": limit // (pool + live)}
    if settings.server.workers > values["processes"]:
        return error(message, _("Lower DATABASE_POOL_SIZE or SERVER_WORKERS, or use PgBouncer."), **values)
    return ok(message, **values)
