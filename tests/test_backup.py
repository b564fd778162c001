"""Backups in a bucket of a real S3 server, moto's, on a full disk, and during load for seconds."""

import subprocess
from pathlib import Path

import pytest

from proofs.backup import prove
from proofs.load import Project
from tests.baking import Bake
from tests.serving import environment, find_free_port, run_dev
from tests.test_files import KEYS, s3_port  # noqa: F401 - a fixture

FILL = """
import os, sqlite3
connection = sqlite3.connect("app.db")
connection.execute("CREATE TABLE large (content)")
connection.execute("INSERT INTO large VALUES (?)", [os.urandom(40_000_000)])
connection.commit()
"""
FULL_DISK = """
    exec unshare --map-root-user --mount /bin/sh -uc '
        mount -t tmpfs -o size=20m tmpfs "$2"
        "$1" -m app backup "$2/backup.tar.gz"
        echo $? $(ls -A "$2")' sh "$@"
"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    project = bake()
    run_dev(project, "app", "setup")
    return project


def run_app(project: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run `app …` and return its exit code and output."""
    done = subprocess.run(
        [str(project / ".venv" / "bin" / "python"), "-m", "app", *arguments],
        cwd=project,
        env={**environment(), **variables},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_backups_in_a_bucket(project: Path, s3_port: int) -> None:  # noqa: F811
    folder = f"s3://bucket/backups?endpoint=http://127.0.0.1:{s3_port}&{KEYS}"
    one = folder.replace("?", "/mine.age?")
    _, printed = run_app(project, "backup-key", "bucket.key")
    encrypted = {"BACKUP_RECIPIENTS": printed.strip(), "BACKUP_URL": folder, "BACKUP_KEEP": "1"}

    assert run_app(project, "backup", one, **encrypted)[0] == 0
    assert [run_app(project, "backup", **encrypted)[0] for _ in range(2)] == [0, 0]
    verify = ("--verify", "--identity", "bucket.key")
    assert run_app(project, "restore", one, *verify)[0] == 0
    newest = run_app(project, "restore", *verify, **encrypted)
    missing = run_app(project, "restore", folder.replace("?", "/missing?"))

    assert newest[0] == 0
    assert "Verified: backup-" in newest[1]
    assert missing[0] == 1
    assert missing[1].endswith("app: missing not found.\n")


def test_bucket_that_is_away(project: Path) -> None:
    url = f"s3://bucket/mine?endpoint=http://127.0.0.1:{find_free_port()}&{KEYS}"

    code, printed = run_app(project, "backup", url)

    assert code == 1
    assert printed.endswith(
        "app: Files are unavailable. The file store is not responding. Try again later.\n"
    )
    assert "Traceback" not in printed
    assert "secret" not in printed


def test_backup_on_a_full_disk_leaves_nothing(project: Path, tmp_path: Path) -> None:
    python = str(project / ".venv" / "bin" / "python")
    subprocess.run([python, "-c", FILL], cwd=project, check=True)

    done = subprocess.run(
        ["/bin/sh", "-c", FULL_DISK, "sh", python, str(tmp_path)],
        cwd=project,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )

    assert "app: No space left for files." in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "1\n"  # and no file


@pytest.fixture(scope="module")
def proof_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("proof"))


@pytest.mark.parametrize(("database", "rounds"), [("sqlite", 2), ("postgresql", 1)])
def test_backups_during_load_are_of_one_moment(
    proof_project: Project, database: str, rounds: int
) -> None:
    proof = prove(proof_project, database, rounds)

    assert proof.faults == []
    assert proof.found["backups"] == rounds
    assert proof.found["rows"] > 10
