"""Error messages for expected failures of commands."""

import re
import traceback
from pathlib import Path

from alembic.script.revision import MultipleHeads
from alembic.util import CommandError
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database.outages import CONNECTION_REFUSED, OUTAGES, UNREACHABLE, outage_reason
from app.database.revisions import MIGRATIONS_DIR
from app.errors import Problem
from app.features import InvalidFeature
from app.i18n import InvalidCatalog
from app.settings.config import all_settings, validation_errors
from app.settings.sources import EnvFileError

# By error type. https://docs.pydantic.dev/latest/errors/validation_errors/
_SETTING_ERRORS = {
    "missing": "not set",
    "too_short": "must have at least {min_length} characters",
    "int_parsing": "must be an integer",
    "bool_parsing": "must be true or false",
    "time_delta_parsing": "must be a duration such as 250ms, 90 (seconds), 10m, 12h or 14d",
    "url_parsing": "must be a URL such as https://example.com",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def error_message(error: Exception) -> str | None:  # noqa: PLR0911 - one per error type
    """Return a message for an expected failure, or None for a bug."""
    match error:
        case ValidationError():
            return _explain_settings(error)
        case EnvFileError() | InvalidCatalog():
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
        detail = str(cause).partition("\n")[0] or type(cause).__name__
        hint = (
            " Check DATABASE_URL and that the server is running."
            if outage_reason(error) in {UNREACHABLE, CONNECTION_REFUSED}
            else ""
        )
        return f"app: {outage_reason(error).rstrip('.')} ({detail.rstrip('.')}).{hint}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if location := _migration_of(error):
        return f"app: the migration in {location} failed and was rolled back: {cause}"
    return f"app: database error: {cause}. Check DATABASE_URL. If a table is missing, run `app db upgrade`."


def _migration_of(error: Exception) -> str | None:
    """Return the file and line of the migration that failed."""
    frames = traceback.extract_tb(error.__traceback__)
    locations = [
        f"{frame.filename}:{frame.lineno}" for frame in frames if Path(frame.filename).parent.name == "versions"
    ]
    return locations[-1] if locations else None


def _explain_settings(error: ValidationError) -> str:
    """List each invalid setting with its variable and the error."""
    variables = {setting.path: setting.variable for setting in all_settings()}
    lines = ["app: invalid settings:"]
    for item in validation_errors(error):
        path = tuple(str(part) for part in item["loc"])
        name = variables.get(path[:2]) or variables.get(path[:1]) or "ENVIRONMENT"  # unsafe in production
        hint = f" ({_secret_key_hint()})" if name == "SECRET_KEY" and item["type"] == "missing" else ""
        lines.append(f"  {name}: {_setting_error(item)}{hint}")
    return "\n".join(
        [*lines, f"Set them in the environment or in {Path('.env').resolve()}. `.env.example` lists all settings."]
    )


def _setting_error(item: ErrorDetails) -> str:
    """Return the message for an invalid setting, instead of Pydantic's."""
    template = _SETTING_ERRORS.get(item["type"])
    if template is None:
        return item["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return re.sub(r"datetime\.timedelta\(days=(\d+)\)", r"\1d", template.format(**item.get("ctx", {})))


def _secret_key_hint() -> str:
    """Return how to get a secret key; `.env` is read from the current directory."""
    root = MIGRATIONS_DIR.parent
    if Path.cwd() != root and (root / ".env").exists():
        return f"found in {root / '.env'}: run the command from {root}"
    return "run `app setup` to generate one"
