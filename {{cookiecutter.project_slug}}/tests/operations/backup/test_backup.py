"""`app backup` and `app restore`."""

import asyncio
import os
import signal
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from sqlalchemy import text

from app.database.connection import open_database
from app.operations.backup.archive import CHUNK_BYTES, Manifest, Part, check_archive, write_archive
from app.settings.config import DatabaseSettings
from tests.operations.backup.conftest import Run
from tests.operations.backup.helpers import add_file, add_row, file_keys, rows
from tests.server import start_process
from tests.support import execute, wait_until

LARGE = os.urandom(CHUNK_BYTES + 1000)


def test_database_and_files_are_restored(app: Run, project: Path, database_url: str) -> None:
    uploads = project / "uploads"
    large = add_file(database_url, uploads, LARGE)
    small = add_file(database_url, uploads, b"small", thumbnails=(32, 100))
    add_row(database_url, "before")
    written = app("backup", "backup.tar.gz")
    execute(database_url, "DELETE FROM files")
    add_row(database_url, "after")
    rmtree(uploads)

    verified = app("restore", "backup.tar.gz", "--verify")
    refused = app("restore", "backup.tar.gz")
    assert (rows(database_url), file_keys(database_url)) == ({"before", "after"}, set())
    restored = app("restore", "backup.tar.gz", "--replace")

    assert [outcome.code for outcome in (written, verified, refused, restored)] == [0, 0, 1, 0], restored.error
    assert "2 files" in written.out
    assert "The database isn't empty" in refused.error
    assert (rows(database_url), file_keys(database_url)) == ({"before"}, {large, small})
    assert (uploads / large).read_bytes() == LARGE
    assert [(uploads / f"{small}{end}").read_bytes() for end in ("", "-32", "-100")] == [b"small", b"32", b"100"]
    assert stat.S_IMODE(Path("backup.tar.gz").stat().st_mode) == 0o600
    assert not list(project.glob(".*-*"))  # no temporary files


@pytest.mark.usefixtures("project")
def test_backup_during_writes_is_of_one_moment(app: Run, database_url: str) -> None:
    stopping = threading.Event()
    written: list[int] = []

    async def write_pairs() -> None:
        async with open_database(DatabaseSettings(url=database_url)) as database:
            while not stopping.is_set():
                number = len(written)
                async with database.sessions.begin() as session:
                    for side in ("left", "right"):
                        await session.execute(
                            text("INSERT INTO job_schedules (name, next_at) VALUES (:name, '2026-01-01')"),
                            {"name": f"{side}-{number}"},
                        )
                written.append(number)

    writer = threading.Thread(target=asyncio.run, args=(write_pairs(),))
    writer.start()
    try:
        wait_until(lambda: len(written) > 10)
        outcome, acknowledged = app("backup", "backup.tar.gz"), len(written)
        wait_until(lambda: len(written) > acknowledged + 10)
    finally:
        stopping.set()
        writer.join()
    restored = app("restore", "backup.tar.gz", "--replace")

    assert (outcome.code, restored.code) == (0, 0), restored.error
    sides = [
        {name.partition("-")[2] for name in rows(database_url) if name.startswith(side)} for side in ("left", "right")
    ]
    assert sides[0] == sides[1]
    assert {str(number) for number in range(10)} <= sides[0]
    assert len(sides[0]) <= acknowledged + 1 < len(written)


@pytest.mark.any_database
@pytest.mark.usefixtures("project")
def test_encrypted_backup_needs_its_key(app: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    public, _ = app("backup-key", "mine.key").out.strip(), app("backup-key", "other.key")
    monkeypatch.setenv("BACKUP_RECIPIENTS", public)
    add_row(database_url, "secret")
    app("backup", "backup.age")

    without = app("restore", "backup.age", "--verify")
    other = app("restore", "backup.age", "--verify", "--identity", "other.key")
    mine = app("restore", "backup.age", "--replace", "--identity", "mine.key")

    assert (without.code, other.code, mine.code) == (1, 1, 0)
    assert "--identity FILE" in without.error
    assert "encrypted for another key than the one in other.key" in other.error
    assert b"backup.json" not in Path("backup.age").read_bytes()
    assert rows(database_url) == {"secret"}
    assert stat.S_IMODE(Path("mine.key").stat().st_mode) == 0o600
    assert app("backup-key", "mine.key").error == "app: mine.key: File exists."


@pytest.mark.any_database
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_damaged_backup_is_refused_before_anything_is_changed(
    app: Run, project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, *, is_encrypted: bool
) -> None:
    if is_encrypted:
        monkeypatch.setenv("BACKUP_RECIPIENTS", app("backup-key", "key").out.strip())
    options = ("--replace", *(("--identity", "key") if is_encrypted else ()))
    uploads = project / "uploads"
    add_file(database_url, uploads, LARGE)
    app("backup", "whole")
    whole = Path("whole").read_bytes()
    rmtree(uploads)
    add_row(database_url, "kept")
    half = len(whole) // 2
    damaged = {
        "flipped": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "cut": whole[:half],
        "last bytes": whole[:-10],
        "empty": b"",
        "other": b"not a backup" * 100,
    }

    for name, content in damaged.items():
        Path(name).write_bytes(content)
        outcome = app("restore", name, *options)

        assert (name, outcome.code) == (name, 1)
        assert "damaged" in outcome.error, (name, outcome.error)
        assert outcome.error.count("app: ") == 1
    assert rows(database_url) == {"kept"}
    assert not uploads.exists()
    assert app("restore", "whole", *options).code == 0


@pytest.mark.usefixtures("project")
def test_failed_restore_leaves_the_database_as_it_was(app: Run, database_url: str) -> None:
    add_row(database_url, "kept")
    app("backup", "backup.tar.gz")
    manifest = check_archive(Path("backup.tar.gz"), lambda *_: None)
    with tarfile.open("backup.tar.gz") as tar:
        dump = b"".join(tar.extractfile(name).read() for name in tar.getnames() if name.startswith("database/"))  # type: ignore[union-attr]
    cases = {
        "half": _archive(dump[: len(dump) // 2], manifest),
        "other rows": _archive(dump, manifest.model_copy(update={"tables": {}})),
    }

    for name, chunks in cases.items():
        Path(name).write_bytes(b"".join(chunks))
        assert app("restore", name, "--verify").code == 1
    outcome = app("restore", "half", "--replace")

    assert outcome.code == 1
    assert outcome.error.count("app: ") == 1
    assert rows(database_url) == {"kept"}


def _archive(dump: bytes, manifest: Manifest) -> Iterator[bytes]:
    return write_archive([Part("database/000000", len(dump), [dump])], lambda: manifest)


@pytest.mark.usefixtures("project")
def test_backup_of_a_newer_version_is_refused(app: Run, database_url: str) -> None:
    app("backup", "old.tar.gz")
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    app("backup", "new.tar.gz")

    newer = app("restore", "new.tar.gz", "--replace")
    older = app("restore", "old.tar.gz", "--replace")

    assert (newer.code, older.code) == (1, 0)
    assert "a newer version of the app, with the migration 9999" in newer.error
    assert "`app db upgrade`" in older.out


@pytest.mark.database("sqlite")
@pytest.mark.usefixtures("project")
def test_errors_are_one_sentence(app: Run, monkeypatch: pytest.MonkeyPatch, postgres: str) -> None:
    app("backup", "sqlite.tar.gz")

    def error(*arguments: str) -> str:
        outcome = app(*arguments)
        assert outcome.code == 1
        return outcome.error.splitlines()[-1]

    assert error("backup") == "app: Name a FILE or URL, or set BACKUP_URL."
    assert error("restore", "missing.tar.gz").endswith("missing.tar.gz: No such file or directory.")
    assert "Use FILE, s3://BUCKET/FILE" in error("backup", "s3://bucket")
    monkeypatch.setenv("BACKUP_URL", "file:backups")
    assert error("restore") == "app: BACKUP_URL has no backup."
    monkeypatch.setenv("BACKUP_RECIPIENTS", "age1wrong")
    assert "BACKUP_RECIPIENTS: use public keys" in error("backup")
    monkeypatch.delenv("BACKUP_RECIPIENTS")
    monkeypatch.setenv("DATABASE_URL", postgres)
    assert "run `app db upgrade` first" in error("backup", "empty.tar.gz")
    assert "The backup is of sqlite, but DATABASE_URL is of postgresql." in error("restore", "sqlite.tar.gz")
    assert not Path("empty.tar.gz").exists()


@pytest.mark.database("postgresql")
def test_tools_of_an_older_postgresql_are_refused(app: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = project / "pg_dump"
    tool.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("BACKUP_POSTGRESQL_BIN", str(project))

    error = app("backup", "backup.tar.gz").error

    assert "or later is needed, but the newest one found is 9: install postgresql-client-" in error
    assert not Path("backup.tar.gz").exists()


@pytest.mark.any_database
def test_killed_backup_leaves_no_file_that_looks_whole(project: Path, database_url: str) -> None:
    uploads = project / "uploads"
    add_file(database_url, uploads, os.urandom(40_000_000))
    endless = uploads / add_file(database_url, uploads, b"endless")
    endless.unlink()
    os.mkfifo(endless)
    environment: dict[str, Any] = {"DATABASE_URL": database_url, "FILES_URL": f"file:{uploads}"}

    process = start_process(project, "log", "backup", "backups/mine", **environment)
    wait_until(lambda: list((project / "backups").glob("*")))
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert not (project / "backups" / "mine").exists()
