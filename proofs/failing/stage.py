"""Start a stack, with a database of its own."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

from proofs.database import Server
from proofs.failing.clients import Crowd
from proofs.failing.disks import Disk
from proofs.failing.failure import Stack
from proofs.failing.helpers import helpers
from proofs.failing.inbox import Inbox
from proofs.failing.scene import Plan, Scene
from proofs.walks_check import Ledger


@asynccontextmanager
async def opened(plan: Plan, stack: Stack, postgres: Server, number: int) -> AsyncIterator[Scene]:
    """Start a stack with a database of its own, and stop it at the end."""
    from tests.postgres import free_port  # type: ignore[import-not-found] # noqa: PLC0415 - project's

    folder = Path(plan.folder, f"scene-{number}")
    disks = {"data": Disk(folder / "data", 64), "log": Disk(folder / "log", 16)}
    disks["files"] = Disk(folder / "files", 16)
    with ExitStack() as mounted:
        for disk in disks.values():
            mounted.enter_context(disk.mounted())
        direct = await _new_database(plan, stack, postgres, disks["data"].folder, number)
        name = direct.rpartition("/")[2]
        inbox, crowd = Inbox(free_port(), folder), Crowd(free_port())
        between = helpers(stack.helpers, direct, folder, free_port, plan.moto_python)
        async with between as (running, settings):
            url = settings.pop("DATABASE_URL", direct)
            variables = {
                **os.environ,
                "DATABASE_URL": url,
                "BASE_URL": "http://shop.example",  # or it would have the port, and tokens, too
                "SECRET_KEY": "of the proof of failures: it protects nothing",
                "MAIL_URL": f"smtp://localhost:{inbox.port}",
                "SSL_CERT_FILE": str(inbox.certificate),
                "FILES_URL": f"file:{disks['files'].folder}",
                "JOBS_IN_SERVER": str(not stack.has_worker).lower(),
                "JOBS_POLL_INTERVAL": "500ms",
                "SERVER_READ_TIMEOUT": "3",
                "PROOF_SABOTAGE": plan.sabotage,
                **settings,
                **dict(stack.settings),
            }
            ledger = Ledger(direct)
            scene = Scene(
                plan, stack, folder, url, direct, postgres, disks, inbox, running, crowd, ledger,
                variables,
            )  # fmt: skip
            try:
                scene.start()
                await scene.wait_until_ready()
                if scene.faults:
                    raise RuntimeError(scene.faults[0])
                await crowd.sign_in()
                yield scene
            finally:
                await _close(scene)
                if stack.database == "postgresql":
                    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)")
                    await postgres.run(f"DROP TABLESPACE {name}")


async def _close(scene: Scene) -> None:
    for process in scene.fleet:
        process.process.terminate()
    for process in scene.fleet:
        with suppress(TimeoutError):
            await asyncio.to_thread(process.stop)
        process.signal_group(signal.SIGKILL)
    scene.inbox.close()
    for clean in scene.cleanups:
        await clean()
    await scene.ledger.close()
    shutil.copy(scene.log, scene.folder / "log.txt")  # because its disk is unmounted


async def _new_database(
    plan: Plan, stack: Stack, postgres: Server, folder: Path, number: int
) -> str:
    """Copy the database that was migrated, to a small disk."""
    if stack.database == "sqlite":
        shutil.copy(Path(plan.model), folder / "app.db")
        return f"sqlite+aiosqlite:///{folder / 'app.db'}"
    name = f"scene_{number}"
    place = folder / "space"
    place.mkdir()
    if os.geteuid() == 0:
        postgres.give(place)
    await postgres.run(f"CREATE TABLESPACE {name} LOCATION '{place}'")
    await postgres.run(f"CREATE DATABASE {name} TEMPLATE model TABLESPACE {name}")
    base = plan.server.replace("postgresql://test@", "postgresql+asyncpg://app@")
    return f"{base.rpartition('/')[0]}/{name}"
