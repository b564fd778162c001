"""Failures of deployments: releases side by side, keys, migrations and settings."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from proofs.client import Client, Request
from proofs.disturbances import Migrations, newest_revision
from proofs.failing.clients import PASSWORD, Crowd
from proofs.failing.failure import Failure, Stack
from proofs.failing.scene import Scene
from proofs.fleet import Process

NOTES = "/api/v1/notes"
TITLES = 10
VISITORS = 24
FAILING = """
import time
from pathlib import Path
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{revision}", "{previous}"
branch_labels = depends_on = None
def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer()))
    {then}
def downgrade() -> None: ...
"""
_HALF = {
    "postgresql": "SELECT 1 FROM pg_class WHERE relname = 'half'",
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'half'",
}
WRONG_SETTINGS = (
    ({"LOG_LEVEL": "chatty"}, "LOG_LEVEL"),
    ({"DATABASE_URL": "postgresql://host:port/name"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql+psycopg://host/name"}, "DATABASE_URL"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY"),
    ({"MAIL_URL": "http://example.com"}, "MAIL_URL"),
)


async def serve_two(scene: Scene) -> None:
    """Serve the old release on the schema of the new one, then both."""
    folder = _next(scene)
    await Migrations(folder, scene.owner_url).add_column()
    await scene.wait_for_success()
    scene.expect(await scene.is_ready(), "the old release is not ready on the newer schema")
    from tests.postgres import free_port  # type: ignore[import-not-found] # noqa: PLC0415

    other = Crowd(free_port())
    other.token = scene.crowd.token
    command = ["serve", "--port", str(other.port)]
    new = Process("next", scene.log, command, variables=scene.variables, folder=folder)
    try:
        await scene.wait_for_port(other.port)
        for number in range(TITLES):
            note = Request("POST", NOTES, {"title": f"of the new release {number}"})
            written = await other.ask("new release", Client(other.port), note)
            scene.expect(written.status == "201", f"the new release: {written}")
            wanted = Request("GET", f"{NOTES}?title=of%20the%20new%20release%20{number}")
            read = await scene.crowd.ask("old release", Client(scene.crowd.port), wanted)
            scene.expect("new release" in read.text, f"the old release: {read}")
        await scene.wait_for_success()
    finally:
        new.stop()


def _next(scene: Scene) -> Path:
    """Return the folder of the next release, to which migrations are added."""
    folder = scene.folder / "next"
    if not folder.exists():
        shutil.copytree(scene.plan.project, folder)
    return folder


async def rotate_key(scene: Scene) -> None:
    """Restart with a new key, and the old one as a fallback: nobody has to sign in again."""
    old = scene.variables["SECRET_KEY"]
    new = "another key of the proof, which protects nothing"
    await scene.restart(SECRET_KEY=new, SECRET_KEY_FALLBACKS=old)
    scene.variables |= {"SECRET_KEY": new, "SECRET_KEY_FALLBACKS": old}


async def forget_proxy(scene: Scene) -> None:
    """Let many visitors of a proxy that isn't trusted sign in, then trust it."""
    for trusts in (False, True):
        if trusts:
            await scene.restart(SERVER_TRUSTED_PROXIES="127.0.0.1")
        statuses = [(await _sign_in_wrongly(scene, number)) for number in range(VISITORS)]
        limited = statuses.count("429")
        if trusts:
            scene.expect(not limited, f"429 in spite of a trusted proxy: {statuses}")
        else:
            scene.expect(limited, f"no 429: {statuses}")
            hint = "SERVER_TRUSTED_PROXIES" in scene.log.read_text(errors="replace")
            scene.expect(hint, "the log has no word of the proxy")


async def _sign_in_wrongly(scene: Scene, number: int) -> str:
    data = {"email": f"nobody-{number}@example.com", "password": PASSWORD}
    headers = {"x-forwarded-for": f"203.0.113.{number + 1}", "x-forwarded-proto": "https"}
    request = Request("POST", "/api/v1/auth/login", data, headers=headers)
    return (await scene.crowd.ask("visitor", Client(scene.crowd.port), request)).status


async def fail_migration(scene: Scene) -> None:
    """Let a migration fail halfway: nothing of it may be left."""
    folder = _next(scene)
    path = _write_migration(folder, 'raise RuntimeError("the migration of the proof")')
    code, output = await scene.run_app("db", "upgrade", folder=folder)
    path.unlink()
    scene.expect(code == 1 and path.stem in output, f"a failing migration: {code} {output}")
    await _check_nothing_is_left(scene, folder)


async def kill_migration(scene: Scene) -> None:
    """Kill a migration halfway: nothing of it may be left, and the next one works."""
    folder, marker = _next(scene), scene.folder / "halfway"
    path = _write_migration(folder, f"Path({str(marker)!r}).touch(); time.sleep(600)")
    command = [sys.executable, "-B", "-m", "app", "db", "upgrade"]
    variables = {**scene.variables, "DATABASE_URL": scene.owner_url}
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=null, stderr=null)  # noqa: ASYNC220
    await scene.wait_for(marker.exists, "the middle of a migration")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    path.unlink()
    marker.unlink(missing_ok=True)
    await _check_nothing_is_left(scene, folder)


async def migrate_twice(scene: Scene) -> None:
    """Run the same migrations in two processes at once."""
    folder = _next(scene)
    path = _write_migration(folder, "time.sleep(1)")
    both = [scene.run_app("db", "upgrade", folder=folder) for _ in range(2)]
    for code, output in await asyncio.gather(*both):
        scene.expect(code == 0, f"one of two migrations: {output}")
    code, output = await scene.run_app("db", "downgrade", "-1", folder=folder)
    path.unlink()


def _write_migration(folder: Path, then: str) -> Path:
    """Write the next migration."""
    versions = folder / "migrations" / "versions"
    path = versions / "halfway.py"
    text = FAILING.format(revision=path.stem, previous=newest_revision(versions), then=then)
    path.write_text(text, encoding="utf-8")
    return path


async def _check_nothing_is_left(scene: Scene, folder: Path) -> None:
    code, output = await scene.run_app("db", "upgrade", folder=folder)
    scene.expect(code == 0, f"the next migration: {output}")
    rows = await scene.ledger.rows(_HALF[scene.stack.database])
    scene.expect(not rows, "a table of half a migration is left")
    scene.expect(await scene.is_ready(), "not ready")


async def set_wrongly(scene: Scene) -> None:
    """Start with wrong settings: a message in a few lines, no traceback."""
    for variables, name in WRONG_SETTINGS:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-B", "-m", "app", "serve", "--port", "0"),
            env={**scene.variables, **variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode(errors="replace")
        is_clear = process.returncode and name in output and "Traceback" not in output
        scene.expect(is_clear, f"{variables}: exit code {process.returncode}: {output}")


_MIGRATION = partial(Failure, has_clients=False)
_ON = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
FAILURES = (
    *(
        failure
        for database, title in _ON.items()
        for failure in (
            Failure(
                f"{title}: two releases side by side",
                "a migration adds a column; the old release goes on, the new one starts beside it",
                "nothing: [expand, deploy, contract](migrations.md#without-downtime)",
                act=serve_two,
                stack=Stack(database),
                statuses=frozenset({503}),
            ),
            _MIGRATION(
                f"{title}: migration fails",
                "an error in the middle of it",
                "correct it and run `app db upgrade` again; nothing of it is left",
                act=fail_migration,
                stack=Stack(database),
            ),
            _MIGRATION(
                f"{title}: migration killed",
                "SIGKILL in the middle of it",
                "run `app db upgrade` again; nothing of it is left",
                act=kill_migration,
                stack=Stack(database),
            ),
            _MIGRATION(
                f"{title}: two migrations at once",
                "`app db upgrade` in two processes",
                "nothing: one waits for the other",
                act=migrate_twice,
                stack=Stack(database),
            ),
        )
    ),
    Failure(
        "Secret key rotated",
        "restart with a new `SECRET_KEY`, the old one in `SECRET_KEY_FALLBACKS`",
        "nothing; without the fallback, all users must sign in again",
        act=rotate_key,
        breaks=True,
        restarts=True,
    ),
    Failure(
        "Proxy forgotten",
        f"{VISITORS} sign-ins with `X-Forwarded-For`, without `SERVER_TRUSTED_PROXIES`",
        "set `SERVER_TRUSTED_PROXIES`; the log has a hint",
        act=forget_proxy,
        stack=Stack(settings=(("AUTH_IP_ATTEMPTS_PER_MINUTE", "20"),)),
        has_clients=False,
        restarts=True,
    ),
    Failure(
        "Wrong settings",
        f"`app serve` with {len(WRONG_SETTINGS)} invalid values",
        "correct what the message names; it exits with 1",
        act=set_wrongly,
        has_clients=False,
    ),
)
