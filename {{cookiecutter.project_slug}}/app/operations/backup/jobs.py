"""The job that takes backups, by the schedule in the settings."""

from datetime import timedelta

from app.jobs.definitions import job
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun
from app.settings.config import Settings


def _schedule(settings: Settings) -> str | None:
    return settings.backup.schedule if settings.backup.url and settings.backup.schedule != "never" else None


@job(schedule=_schedule, timeout=timedelta(hours=12), max_attempts=3)
async def back_up(run: JobRun) -> str:
    """Take a backup at BACKUP_URL, delete old ones, and return its name."""
    from app.operations.backup.archive import BackupFailed  # noqa: PLC0415 - needed once a day
    from app.operations.backup.backup import delete_old, take_backup  # noqa: PLC0415
    from app.operations.backup.places import new_name, place_in  # noqa: PLC0415

    name = new_name(run.settings.backup)
    try:
        await take_backup(run.settings, run.state.files, place_in(run.settings.backup, name), lambda *_: None)
    except BackupFailed as error:
        raise JobFailed(str(error)) from error
    await delete_old(run.settings.backup)
    return name
