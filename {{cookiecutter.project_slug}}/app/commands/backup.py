"""`app backup`, `app backup-key` and `app restore`."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from app.commands.invocation import say
from app.files.store import FileStore
from app.operations.backup import backup, restore
from app.operations.backup.archive import BackupFailed, Manifest, Progress
from app.operations.backup.encryption import write_identity
from app.operations.backup.places import Place, list_names, new_name, parse_place, place_in
from app.settings.config import Settings, load_settings

_PLACE = "FILE or URL, such as s3://BUCKET/FILE"


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command("backup")(back_up)
    cli.command("backup-key")(generate_key)
    cli.command("restore")(restore_from)


def back_up(
    place: Annotated[
        str | None, typer.Argument(help=f"{_PLACE} [default: a new one at BACKUP_URL; old ones are deleted]")
    ] = None,
) -> None:
    """Back up the database and the uploaded files while the app is in use."""
    _run(_back_up(load_settings(), place))


def generate_key(path: Annotated[Path, typer.Argument(help="New file for the secret key")]) -> None:
    """Write a new secret key, and print the public key for BACKUP_RECIPIENTS."""
    say(write_identity(path))


def restore_from(
    place: Annotated[str | None, typer.Argument(help=f"{_PLACE} [default: the newest one at BACKUP_URL]")] = None,
    *,
    identity: Annotated[Path | None, typer.Option(help="File with the secret key of an encrypted backup")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace all data of a database that isn't empty")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only restore into an empty database, compare all tables, and drop it")
    ] = False,
) -> None:
    """Restore a backup into an empty database."""
    _run(_restore(load_settings(), place, identity, replace=replace, verify=verify))


async def _back_up(settings: Settings, text: str | None) -> None:
    place = parse_place(text) if text else place_in(settings.backup, new_name(settings.backup))
    with _bar("Back up") as bar:
        manifest = await backup.take_backup(settings, FileStore(settings.files), place, bar)
    say(f"Written: {place} with {_contents(manifest)}.")
    if manifest.missing_files:
        say(f"{manifest.missing_files} files have no content in the store.", error=True)
    for name in [] if text else await backup.delete_old(settings.backup):
        say(f"Deleted: {name}")


async def _restore(settings: Settings, text: str | None, identity: Path | None, *, replace: bool, verify: bool) -> None:
    place = parse_place(text) if text else await _newest(settings)
    with TemporaryDirectory(prefix="restore-") as folder:
        with _bar("Check") as bar:
            path, manifest = await restore.fetch_backup(place, Path(folder), identity, bar)
        restore.check_target(settings, manifest)
        contents = f"{_contents(manifest)} of {manifest.created_at:%Y-%m-%d %H:%M} UTC"
        if verify:
            await restore.verify_backup(settings, path, manifest)
            say(f"Verified: {place} with {contents}.")
            return
        if await restore.table_names(settings.database.for_maintenance()) and not replace:
            raise BackupFailed(f"The database isn't empty. To replace all of its data by {contents}, add --replace.")
        with _bar("Restore files") as bar:
            store = FileStore(settings.files)
            await restore.restore_backup(settings, store, path, manifest, replace=replace, progress=bar)
    say(f"Restored: {contents}. Next, run `app db upgrade`.")


async def _newest(settings: Settings) -> Place:
    names = await list_names(settings.backup)
    if not names:
        raise BackupFailed("BACKUP_URL has no backup.")
    return place_in(settings.backup, names[-1])


def _contents(manifest: Manifest) -> str:
    rows = sum(table.rows for table in manifest.tables.values())
    return f"{len(manifest.tables)} tables, {rows} rows and {manifest.files} files"


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command whose files only this user can read."""
    before = os.umask(0o077)
    try:
        asyncio.run(work)
    except BackupFailed as error:
        sys.exit(f"app: {error}")
    finally:
        os.umask(before)


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """Show a progress bar, if the output is a terminal."""
    with typer.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def advance(size: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(size)

        yield advance
