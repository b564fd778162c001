"""Processes that are ended in the middle of a job and of an email."""

import os
import signal
from functools import partial
from pathlib import Path

from proofs.failing.failure import Failure, Stack
from proofs.failing.scene import Scene

NAMES = {signal.SIGKILL: "SIGKILL", signal.SIGTERM: "SIGTERM"}


async def end_worker(scene: Scene, number: signal.Signals) -> None:
    """End one of the server's two processes; the server starts another."""
    await scene.wait_for_work()
    victim = scene.children()[0]
    os.kill(victim, number)
    scene.inbox.is_paused = False
    await scene.wait_for(lambda: victim not in scene.children(), "the end of the process")


async def end_parent(scene: Scene, number: signal.Signals) -> None:
    """End the process that started the others; they may not keep the port."""
    await scene.wait_for_work()
    orphans, starts = scene.children(), scene.server.starts
    os.kill(scene.server.pid, number)
    scene.inbox.is_paused = False
    await scene.wait_for(lambda: scene.server.starts > starts, "the end of the parent")
    await scene.wait_for(lambda: not set(orphans) & _living(), "the end of its children")


async def end_group(scene: Scene, number: signal.Signals) -> None:
    """End all processes of the server at once."""
    await scene.wait_for_work()
    starts = scene.server.starts
    scene.server.signal_group(number)
    scene.inbox.is_paused = False
    await scene.wait_for(lambda: scene.server.starts > starts, "the end of the server")


async def end_job_worker(scene: Scene, number: signal.Signals) -> None:
    """End `app worker`."""
    await scene.wait_for_work()
    worker = scene.fleet[1]
    starts = worker.starts
    os.kill(worker.pid, number)
    scene.inbox.is_paused = False
    await scene.wait_for(lambda: worker.starts > starts, "the end of `app worker`")


def _living() -> set[int]:
    return {int(path.name) for path in Path("/proc").glob("[0-9]*")}


_ACTS = {
    "a server process": end_worker,
    "the server's parent": end_parent,
    "all server processes": end_group,
}


def _failures(database: str, title: str) -> list[Failure]:
    common = partial(
        Failure,
        remedy="nothing: what runs it (systemd, Docker) starts it again",
        breaks=True,
        restarts=True,
        statuses=frozenset({503}),
    )
    found = [
        common(
            f"{title}: {name} of {what}",
            "in the middle of a job and of an email",
            act=partial(act, number=number),
            stack=Stack(database),
        )
        for what, act in _ACTS.items()
        for number, name in NAMES.items()
    ]
    return found + [
        common(
            f"{title}: {name} of `app worker`",
            "in the middle of a job and of an email",
            act=partial(end_job_worker, number=number),
            stack=Stack(database, has_worker=True),
        )
        for number, name in NAMES.items()
    ]


ON_POSTGRESQL = _failures("postgresql", "PostgreSQL")
ON_SQLITE = _failures("sqlite", "SQLite")
