"""Checks of settings and secrets, and how far they let the project scale out."""

import os
import stat
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from app.i18n import gettext as _
from app.operations.doctor.findings import Finding, Installation, ok, warning
from app.settings.config import variable_names
from app.settings.files_url import CLOUD_SCHEMES, parse_files_url
from app.settings.sources import read_env_file

_ALSO_READ = {"PORT", "SECRETS_DIR"}
_SIMILARITY = 0.85
_MIN_DIFFERENT_CHARACTERS = 12
_EXAMPLES = ("change", "example", "secret", "password", "insecure")


async def check_settings(installation: Installation) -> Sequence[Finding]:
    """Check for variables that nothing reads, and for settings that contradict each other."""
    settings, known, found = installation.settings, {*variable_names(), *_ALSO_READ}, list[Finding]()
    for name in sorted({name.upper() for name in read_env_file(variable_names())} - known):
        fix = _("Remove it, or correct its name: `app settings` lists all.")
        found += warning(_("%(name)s in .env is not a setting."), fix, name=name)
    for name in sorted({*os.environ} - known):
        for similar in get_close_matches(name, known, 1, _SIMILARITY):
            text = _("%(name)s in the environment is not a setting.")
            found += warning(text, _("Did you mean %(similar)s?"), name=name, similar=similar)
    if settings.base_url.scheme == "https" and not installation.is_production:
        text = _("ENVIRONMENT is %(name)s, but BASE_URL is public.")
        found += warning(text, _("Set ENVIRONMENT=production."), name=settings.environment)
    python = ".".join(map(str, sys.version_info[:3]))
    return found or ok(_("ENVIRONMENT is %(name)s, Python %(python)s."), name=settings.environment, python=python)


async def check_secrets(installation: Installation) -> Sequence[Finding]:
    """Check that the key looks random, and that files with secrets are private."""
    found = list[Finding]()
    key = installation.settings.secret_key.get_secret_value()
    if len({*key}) < _MIN_DIFFERENT_CHARACTERS or any(word in key.lower() for word in _EXAMPLES):
        fix = _("Generate one with `app generate-secrets DIRECTORY`; keep the old one in SECRET_KEY_FALLBACKS.")
        found += warning(_("SECRET_KEY doesn't look random."), fix)
    for path in _secret_files():
        if os.name != "nt" and path.stat().st_mode & stat.S_IROTH:
            found += warning(
                _("All users of this machine can read %(file)s."), _("Run `chmod o= %(file)s`."), file=path
            )
    return found or ok(_("The key looks random; files with secrets are private."))


async def check_scaling(installation: Installation) -> Sequence[Finding]:
    """Say what limits the number of machines."""
    settings = installation.settings
    found = list[Finding]()
    if settings.database.url.startswith("sqlite"):
        found += ok(_("SQLite: one machine. For more, use PostgreSQL."))
    if parse_files_url(settings.files.url.get_secret_value()).scheme not in CLOUD_SCHEMES:
        found += ok(_("Files are in a folder: one machine, unless it is shared. For more, use a cloud store."))
    if settings.redis_url is None:
        found += ok(_("Rate limits and live updates use the database. For more requests, set REDIS_URL."))
    if settings.jobs.in_server:
        found += ok(_("Jobs run in the server. For more, start `app worker` and set JOBS_IN_SERVER=false."))
    return found or ok(_("Nothing is bound to one machine."))


def _secret_files() -> list[Path]:
    folder = os.environ.get("SECRETS_DIR")
    return [path for path in (Path(".env"), *(Path(folder).glob("*") if folder else ())) if path.is_file()]
