"""Error messages for expected failures of commands."""

import traceback
from pathlib import Path

from alembic.script.revision import MultipleHeads
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database.outages import CONNECTION_REFUSED, OUTAGES, UNREACHABLE, outage_reason
from app.database.revisions import MIGRATIONS_DIR
from app.errors import Problem
from app.features import InvalidFeature
from app.settings.config import all_settings, validation_errors
from app.settings.sources import EnvFileError


def error_message(error: Exception) -> str | None:  # noqa: PLR0911 - one a kind
    """Return a message for an expected failure, or None for a bug."""
    match error:
        case ValidationError():
            return _explain_settings(error)
        case EnvFileError():
            return f"app: {error}"
        case Problem():
            return f"app: {error.title}. {error.detail or ''}".rstrip()
        case ArgumentError() | InvalidFeature():
            return f"app: {'DATABASE_URL: ' if 'SQLAlchemy URL' in str(error) else ''}{error}"
        case CommandError():
            return _explain_migrations(error)
        case DBAPIError() | PoolTimeout() | OSError():
            return _explain_database(error)
    return None


def _explain_migrations(error: CommandError) -> str:
    """Describe an Alembic error."""
    if isinstance(error.__cause__, MultipleHeads):
        return "app: there are multiple migration heads. Run `app db merge` and commit the result."
    hint = " Run `app db upgrade` first." if "not up to date" in str(error) else ""
    return f"app: {error}{hint}"


def _explain_database(error: DBAPIError | PoolTimeout | OSError) -> str:
    """Describe an error of the database or the file system."""
    if isinstance(error, OSError) and error.filename:
        return f"app: {error.filename}: {error.strerror}."
    if isinstance(error, OUTAGES):
        cause = getattr(error, "driver_exception", error)
        said = str(cause).partition("\n")[0] or type(cause).__name__
        hint = (
            " Check DATABASE_URL and that the server is running."
            if outage_reason(error) in {UNREACHABLE, CONNECTION_REFUSED}
            else ""
        )
        return f"app: {outage_reason(error)} ({said.rstrip('.')}){hint}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if place := _migration_of(error):
        return f"app: the migration in {place} failed and was rolled back: {cause}"
    return f"app: database error: {cause}. Check DATABASE_URL. If a table is missing, run `app db upgrade`."


def _migration_of(error: Exception) -> str | None:
    """Return the file and line of the migration that failed."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames if Path(frame.filename).parent.name == "versions"]
    return places[-1] if places else None


def _explain_settings(error: ValidationError) -> str:
    """List each invalid setting with its variable and the error."""
    variables = {setting.path: setting.variable for setting in all_settings()}
    lines = ["app: invalid settings:"]
    for item in validation_errors(error):
        path = tuple(str(part) for part in item["loc"])
        name = variables.get(path[:2]) or variables.get(path[:1]) or "settings"
        hint = f" ({_where_to_set_up()})" if name == "SECRET_KEY" and item["type"] == "missing" else ""
        lines.append(f"  {name}: {item['msg'].removeprefix('Value error, ')}{hint}")
    return "\n".join(
        [*lines, f"Set them in the environment or in {Path('.env').resolve()}. `.env.example` lists all settings."]
    )


def _where_to_set_up() -> str:
    """Return how to get a secret key; `.env` is read from the current directory."""
    root = MIGRATIONS_DIR.parent
    if Path.cwd() != root and (root / ".env").exists():
        return f"found in {root / '.env'}: run the command from {root}"
    return "run `app setup` to generate one"
