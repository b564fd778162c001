"""The file in docs/jobs.md forwards a queue to taskiq, and the features stay as they are."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fireup
from tests.baking import TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import environment, find_free_port, run_in

TOOLS = TEMPLATE / "tests" / "asgi_tools"
SECONDS = 60
JOB = '''
"""Jobs of notes."""

from app.features.notes.models import Note
from app.jobs.definitions import job
from app.jobs.run import JobRun


@job(queue="slow")
async def add_note(run: JobRun, title: str) -> None:
    """Add a note for the owner."""
    async with run.transaction() as session:
        session.add(Note(title=title, owner_id=run.owner_id))
        await run.finish(session)
'''
ENQUEUE = """
import asyncio
from sqlalchemy import select
from app import features
from app.accounts.models import User
from app.main import open_state
from app.settings.config import load_settings

features.load_models()
features.load_jobs()
from app.features.notes.jobs import add_note

async def enqueue():
    async with open_state(load_settings()) as state, state["database"].sessions.begin() as session:
        owner_id = await session.scalar(select(User.id))
        for title in ("first", "second"):
            await add_note.set(owner_id=owner_id).enqueue(session, title)

asyncio.run(enqueue())
"""
SHOW = """
import sqlite3
database = sqlite3.connect("app.db")
print(*(row[0] for row in database.execute("SELECT title FROM notes ORDER BY title")))
print(*(row[0] for row in database.execute("SELECT state FROM jobs WHERE queue = 'slow'")))
"""


def test_queue_is_forwarded_to_taskiq(bake: Bake, tmp_path: Path) -> None:
    project, python = bake(), fireup.install(TOOLS / "requirements.txt")
    (block,) = (block for block in blocks_of("jobs.md") if block[1].startswith("# forwarding.py"))
    run_block(project, *block)
    (project / "app/features/notes/jobs.py").write_text(JOB.lstrip(), encoding="utf-8")
    port = find_free_port()
    variables = {
        "SECRET_KEY": "a secret key that protects nothing at all",
        "DATABASE_URL": "sqlite:///app.db",
        "TASKIQ_URL": f"redis://127.0.0.1:{port}",
    }
    _run(project, variables, python, "-m", "app", "db", "upgrade")
    create = ("users", "create-admin", "--email", "ada@example.com")
    _run(project, variables, python, "-m", "app", *create)
    commands = {
        "redis": [_find_redis(), "--port", str(port), "--save", ""],
        "worker": [python, "-m", "taskiq", "worker", "forwarding:broker", "--workers", "1"],
        "forwarder": [python, "-m", "forwarding"],
    }
    with (
        _started(project, commands["redis"], variables, tmp_path / "redis.log"),
        _started(project, commands["worker"], variables, tmp_path / "worker.log"),
        _started(project, commands["forwarder"], variables, tmp_path / "forwarder.log"),
    ):
        _run(project, variables, python, "-c", ENQUEUE)

        expected = ["first second", "succeeded succeeded"]
        deadline = time.monotonic() + SECONDS
        while (shown := _run(project, variables, python, "-c", SHOW)) != expected:
            logs = "\n".join(path.read_text("utf-8") for path in tmp_path.glob("*.log"))
            assert time.monotonic() < deadline, f"{shown}\n{logs}"
            time.sleep(0.2)
    assert "run_job" in (tmp_path / "worker.log").read_text("utf-8")


def _find_redis() -> str:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server here")
    return found


def _run(project: Path, variables: dict[str, str], *command: str) -> list[str]:
    done = run_in(project, command, **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


@contextmanager
def _started(
    project: Path, command: list[str], variables: dict[str, str], log: Path
) -> Iterator[None]:
    """Run a process in the project until the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project,
            env={**environment(), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
