"""Failures of the database."""

import asyncio
import os
import signal
from functools import partial

from proofs.client import Client, Request
from proofs.database import until
from proofs.failing.failure import Failure, Stack
from proofs.failing.scene import Scene

UNAVAILABLE = frozenset({503})
SQLITE = Stack("sqlite")
FROZEN_SECONDS = 6
"""Longer than the app waits for a statement (2, and 2 for a server that hangs)."""


async def restart(scene: Scene, mode: str) -> None:
    """Restart PostgreSQL at once."""
    if mode == "kill":
        await scene.postgres.kill()
    else:
        await scene.postgres.stop(mode)
    await start(scene)


async def start(scene: Scene) -> None:
    """Start PostgreSQL and wait until it accepts connections."""
    await scene.postgres.start()
    await until(scene.postgres.connections, 20)


async def be_away(scene: Scene) -> None:
    """Stop PostgreSQL until clients and the readiness probe have noticed."""
    await scene.postgres.stop("fast")
    await scene.saw("503", times=20)
    expect_not_ready(scene, await scene.readiness(), "The database")
    live = await Client(scene.crowd.port).send(Request("GET", "/health/live"))
    scene.expect(live.status == 200, f"/health/live: {live.status}")
    await start(scene)


def expect_not_ready(scene: Scene, found: str, reason: str) -> None:
    """Check that the probe says why."""
    is_right = found.startswith("503") and reason in found and "app db upgrade" not in found
    scene.expect(is_right, f"/health/ready: {found}")


async def freeze(scene: Scene) -> None:
    """Stop all processes of PostgreSQL for a while, as if its machine hung."""
    pids = [int(path.name) for path in scene.postgres.processes()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        await scene.saw("503")
        await asyncio.sleep(FROZEN_SECONDS)
        expect_not_ready(scene, await scene.readiness(), "The database")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def lock(scene: Scene) -> None:
    """Lock a table until clients have been rejected."""
    server = scene.own_server()
    await server.run("BEGIN")
    await server.run("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    await scene.saw("503", times=4)
    scene.expect(await scene.is_ready(), "not ready, though only one table is locked")
    await server.run("ROLLBACK")
    await server.close()


async def limit_connections(scene: Scene) -> None:
    """Let the app open no more connections, and close those that it has."""
    await scene.postgres.run("ALTER ROLE app CONNECTION LIMIT 0")
    try:
        await terminate(scene)
        await scene.saw("503", times=20)
        expect_not_ready(scene, await scene.readiness(), "The database")
    finally:
        await scene.postgres.run("ALTER ROLE app CONNECTION LIMIT -1")


async def refuse_sign_in(scene: Scene) -> None:
    """Refuse the app's role, as after a change of its password."""
    await scene.postgres.run("ALTER ROLE app NOLOGIN")
    try:
        await terminate(scene)
        await scene.saw("503", times=20)
        expect_not_ready(scene, await scene.readiness(), "refused the connection")
    finally:
        await scene.postgres.run("ALTER ROLE app LOGIN")


async def terminate(scene: Scene) -> None:
    """End all connections of the app."""
    for row in await scene.postgres.connections():
        await scene.postgres.run("SELECT pg_terminate_backend($1)", row["pid"])


async def make_read_only(scene: Scene) -> None:
    """Let new connections only read, as on a primary that was demoted; then no longer."""
    await scene.postgres.run("ALTER ROLE app SET default_transaction_read_only = on")
    try:
        await terminate(scene)
        await scene.saw("503", times=20)
    finally:
        await scene.postgres.run("ALTER ROLE app RESET default_transaction_read_only")


async def hide_revision(scene: Scene) -> None:
    """Revoke the right to read the revision of the schema."""
    server = scene.own_server()
    await server.run("REVOKE SELECT ON alembic_version FROM app")
    try:
        await until(lambda: is_not_ready(scene), 20)
        expect_not_ready(scene, await scene.readiness(), "revision can't be read")
    finally:
        await server.run("GRANT SELECT ON alembic_version TO app")
        await server.close()


async def is_not_ready(scene: Scene) -> bool:
    """Return whether the server is not ready."""
    return not await scene.is_ready()


async def fill(scene: Scene, statuses: tuple[str, ...] = ("503",)) -> None:
    """Fill the disk of the data until writes fail; reads go on."""
    disk = scene.disks["data"]
    disk.fill()
    try:
        await scene.saw(statuses[0], times=10)
        await scene.wait_for(
            lambda: any(one.client == "Ada reads" and one.is_success for one in scene.crowd.seen),
            "reads while the disk is full",
        )
    finally:
        disk.free()


_RESTARTED = partial(Failure, statuses=UNAVAILABLE, remedy="nothing: the app connects again")
FAILURES = (
    _RESTARTED(
        "PostgreSQL restarted",
        "`pg_ctl stop -m fast`, then `start`",
        act=partial(restart, mode="fast"),
    ),
    _RESTARTED(
        "PostgreSQL crashed",
        "SIGKILL of its main process, then `pg_ctl start`",
        act=partial(restart, mode="kill"),
    ),
    Failure(
        "PostgreSQL away",
        "stopped until clients had 20 errors",
        "start it; the app connects again",
        act=be_away,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "PostgreSQL hangs",
        f"SIGSTOP of all its processes, for {FROZEN_SECONDS} seconds",
        "look at its machine and disk; restart it if it stays so",
        act=freeze,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "Table locked",
        "`LOCK TABLE notes` in an open transaction",
        "end the transaction: `SELECT pg_terminate_backend(…)`",
        act=lock,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "No connections left",
        "`ALTER ROLE … CONNECTION LIMIT 0`, and connections closed",
        "fewer processes, a smaller `DATABASE_POOL_SIZE`, or PgBouncer",
        act=limit_connections,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "Role of the database refused",
        "`ALTER ROLE … NOLOGIN`, and connections closed",
        "correct the role or `DATABASE_PASSWORD`; the log has PostgreSQL's message",
        act=refuse_sign_in,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "PostgreSQL read-only",
        "new connections can only read for a while, as on a primary that was demoted",
        "nothing: once the address leads to the new primary, the app connects again",
        act=make_read_only,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "Revision of the schema not readable",
        "`REVOKE SELECT ON alembic_version`",
        "grant it again; requests are served, but `/health/ready` returns 503",
        act=hide_revision,
        errors=r"alembic_version",
    ),
    Failure(
        "Disk of PostgreSQL full",
        "its tablespace is on a disk that is filled",
        "free or add space; nothing to restart",
        act=fill,
        statuses=UNAVAILABLE,
    ),
    Failure(
        "Disk of SQLite full",
        "its disk is filled",
        "free or add space; nothing to restart",
        act=fill,
        statuses=UNAVAILABLE,
        stack=SQLITE,
    ),
)
