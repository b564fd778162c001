"""A failover: the primary dies, its standby is promoted, and the address leads there."""

from pathlib import Path

from proofs.database import until
from proofs.failing.checks import MAX_SECONDS
from proofs.failing.failure import Failure, Stack
from proofs.failing.helpers import Relay
from proofs.failing.scene import Scene
from proofs.walks_check import Ledger

SYNC = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


async def fail_over(scene: Scene) -> None:
    """Kill the primary; promote the standby, for which each commit has waited."""
    relay = scene.helpers["relay"]
    assert isinstance(relay, Relay)
    port = await _create_standby(scene)
    await scene.wait_for_success()
    await scene.postgres.kill()
    await scene.saw("503", times=10)
    folder = _folder(scene)
    await scene.postgres.run_program("pg_ctl", "-D", str(folder), "-w", "-s", "promote")
    relay.target = port
    await scene.ledger.close()
    scene.ledger = Ledger(scene.direct.replace(f":{_port(scene)}/", f":{port}/"))


def _folder(scene: Scene) -> Path:
    return scene.folder / "standby" / "data"


def _port(scene: Scene) -> int:
    return int(scene.direct.rpartition(":")[2].partition("/")[0])


async def _create_standby(scene: Scene) -> int:
    """Start a standby, and let commits wait for it; return its port."""
    from tests.postgres import free_port  # type: ignore[import-not-found] # noqa: PLC0415

    postgres, folder, port = scene.postgres, _folder(scene), int(free_port())
    folder.parent.mkdir()
    for path in (scene.folder, folder.parent):
        path.chmod(0o755)
    postgres.give(folder.parent)
    spaces = await postgres.run(
        "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname LIKE 'scene%'"
    )
    moved = [f"--tablespace-mapping={row[0]}={folder.parent / 'space'}" for row in spaces]
    source = ["-h", "127.0.0.1", "-p", str(_port(scene)), "-U", "test", "-D", str(folder)]
    await postgres.run_program("pg_basebackup", *source, "-R", "-c", "fast", *moved)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    control = ["-D", str(folder), "-w", "-s", "-l", str(folder.parent / "log"), "-o", options]
    await postgres.run_program("pg_ctl", *control, "start")
    scene.cleanups.append(lambda: _remove_standby(scene))
    await postgres.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await postgres.run("SELECT pg_reload_conf()")

    async def is_synchronous() -> bool:
        return bool(await postgres.run(SYNC))

    if not await until(is_synchronous, MAX_SECONDS):
        scene.fault("the standby is not synchronous")
    return port


async def _remove_standby(scene: Scene) -> None:
    """Stop the standby, and start the old primary for other scenes."""
    folder = str(_folder(scene))
    stop = ["-D", folder, "-w", "-s", "-m", "immediate", "stop"]
    await scene.postgres.run_program("pg_ctl", *stop)
    if not list(scene.postgres.processes()):
        await scene.postgres.start("-c", "synchronous_standby_names=")
    await until(scene.postgres.connections, MAX_SECONDS)
    await scene.postgres.run("ALTER SYSTEM RESET synchronous_standby_names")


FAILURES = (
    Failure(
        "PostgreSQL failed over",
        "SIGKILL of the primary; its synchronous standby is promoted, and the address leads there",
        "nothing: the app connects again; without a synchronous standby, the last commits are lost",
        act=fail_over,
        stack=Stack(helpers=frozenset({"relay"})),
        statuses=frozenset({503}),
    ),
)
