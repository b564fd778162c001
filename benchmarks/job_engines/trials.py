"""Run with an engine's packages: `python -m benchmarks.job_engines.trials ENGINE OPTIONS TRIAL`.

Prints the result as JSON.
"""

import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.job_engines.engine import Engine, Options
from benchmarks.job_engines.engines import build
from benchmarks.job_engines.fleet import Fleet, fleet
from benchmarks.job_engines.jobs import INSERT

WORKERS = 3
JOBS = 2_000
PAIRS = 200
SECONDS = 4.0
"""Of a job that is interrupted; longer than a claim, which must be renewed."""
MAX_DEATHS = 5
RETRIES = 3
Result = dict[str, Any]


async def enqueue(crew: Fleet) -> Result:
    """Milliseconds that a job adds to a transaction that writes one row."""
    engine = crew.engine
    taken: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * PAIRS):
        started = time.perf_counter()
        async with engine.sessions.begin() as session:
            await session.execute(INSERT, {"job": "request", "pid": 0})
            if number % 2:
                await engine.enqueue(session, "no_op")
        taken[bool(number % 2)].append((time.perf_counter() - started) * 1000)
    without, with_job = (statistics.median(times) for times in taken.values())
    return {"without_ms": without, "with_ms": with_job, "cost_ms": with_job - without}


async def throughput(crew: Fleet) -> Result:
    """Jobs per second of three workers, which are paused until all jobs are there."""
    await _warm_up(crew)
    rates = []
    for _ in range(3):
        before = _dots(crew)
        crew.signal(signal.SIGSTOP)
        await crew.enqueue("no_op", times=JOBS)
        started = time.time()
        crew.signal(signal.SIGCONT)
        assert await crew.wait(lambda: _dots(crew) >= before + JOBS, 120), "jobs are missing"  # noqa: B023
        rates.append(JOBS / (_last_dot(crew) - started))
        await asyncio.sleep(1)
    return {"jobs_per_second": statistics.median(rates)}


async def latency(crew: Fleet) -> Result:
    """Milliseconds from the beginning of the commit to the start of the job, with idle workers."""
    await _warm_up(crew)
    taken = []
    for _ in range(PAIRS):
        await asyncio.sleep(random.uniform(0.02, 0.08))  # noqa: S311
        before = _dots(crew)
        sent = await crew.enqueue("no_op")
        assert await crew.wait(lambda: _dots(crew) > before, 30), "a job is missing"  # noqa: B023
        taken.append((_last_dot(crew) - sent) * 1000)
    quantiles = statistics.quantiles(taken, n=100)
    return {"p50_ms": quantiles[49], "p99_ms": quantiles[98]}


async def dead(crew: Fleet) -> Result:
    """Kill a worker while it runs a job; another one is idle."""
    first = crew.start()
    await crew.enqueue("work", "plain", SECONDS)
    assert await crew.wait(lambda: bool(crew.events("start")), 30), "it did not start"
    crew.start()
    await asyncio.sleep(2)  # until it is idle
    os.kill(first.pid, signal.SIGKILL)
    killed = time.time()
    again = await _wait_and_tick(crew, lambda: len(crew.events("start")) > 1, 60)
    seconds = crew.events("start")[-1].at - killed if again else None
    await crew.wait(lambda: bool(crew.events("commit")), SECONDS + 5)
    await asyncio.sleep(1)
    return {"again_after_s": seconds, **await _end(crew)}


async def killer(crew: Fleet) -> Result:
    """Run a job that kills its worker, which a supervisor starts again."""
    await crew.enqueue("kill")
    deaths = 0
    while deaths < MAX_DEATHS:
        worker = crew.start()
        await _wait_and_tick(crew, lambda: worker.poll() is not None, 60)  # noqa: B023
        if worker.poll() is None:
            break
        deaths += 1
    return {"deaths": f"{deaths}{'+' if deaths == MAX_DEATHS else ''}", **await _end(crew)}


async def cut_off(crew: Fleet, mode: str, *, is_second_killed: bool) -> Result:
    """Pause a worker until its job is another's, and let it go on while that one is at work."""
    first = crew.start()
    await crew.enqueue("work", mode, SECONDS)
    assert await crew.wait(lambda: bool(crew.events("start")), 30), "it did not start"
    await asyncio.sleep(SECONDS / 4)
    os.kill(first.pid, signal.SIGSTOP)
    second = crew.start()
    taken = await _wait_and_tick(crew, lambda: len(crew.events("start")) > 1, 60)
    if not taken:
        return {"taken_over": False, **await _end(crew)}
    await asyncio.sleep(SECONDS / 4)
    os.kill(first.pid, signal.SIGCONT)
    await crew.wait(lambda: any(event.pid == first.pid for event in crew.events()[2:]), 10)
    await asyncio.sleep(0.5)  # so that its engine has noted the end
    after_first = await crew.engine.state()
    first.kill()
    if is_second_killed:
        second.kill()
    crew.start()
    crew.start()
    starts = len(crew.events("start"))
    again = await _wait_and_tick(crew, lambda: len(crew.events("start")) > starts, 60)
    await _wait_and_tick(crew, lambda: bool(crew.events("commit")), SECONDS + 10)
    await asyncio.sleep(SECONDS)
    return {"state_after_first": after_first, "runs_again": again, **await _end(crew)}


async def _end(crew: Fleet) -> Result:
    async with crew.engine.sessions.begin() as session:
        rows = await session.scalar(text("SELECT count(*) FROM work"))
    started = crew.events()[0].at
    story = [f"{event.at - started:.1f} {event.pid} {event.what}" for event in crew.events()]
    return {"rows": rows, "state": await crew.engine.state(), "story": story}


async def _wait_and_tick(crew: Fleet, condition: Callable[[], bool], seconds: float) -> bool:
    """Wait, while other jobs come: taskiq looks for lost ones only then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await crew.wait(condition, 0.5):
            return True
        if crew.engine.name == "taskiq":
            await crew.enqueue("no_op")
    return False


async def _warm_up(crew: Fleet) -> None:
    for _ in range(0 if crew.engine.is_in_process else WORKERS):
        crew.start()
    await crew.enqueue("no_op", times=30)
    assert await crew.wait(lambda: _dots(crew) >= 30, 60), "workers do not start"
    await asyncio.sleep(3)


def _dots(crew: Fleet) -> int:
    return crew.engine.journal.path.read_bytes().count(b'"."')


def _last_dot(crew: Fleet) -> float:
    return max(event.at for event in crew.engine.journal.read() if event.what == ".")


def _cut_off(mode: str, *, is_second_killed: bool) -> Callable[[Fleet], Awaitable[Result]]:
    return lambda crew: cut_off(crew, mode, is_second_killed=is_second_killed)


TRIALS: dict[str, tuple[int, Callable[[Fleet], Awaitable[Result]]]] = {
    "enqueue": (RETRIES, enqueue),
    "throughput": (RETRIES, throughput),
    "latency": (RETRIES, latency),
    "dead": (RETRIES, dead),
    "killer": (RETRIES, killer),
    "fenced": (0, _cut_off("fenced", is_second_killed=False)),
    "fenced, retried": (RETRIES, _cut_off("fenced", is_second_killed=False)),
    "error, second killed": (0, _cut_off("error", is_second_killed=True)),
    "error, retried, second killed": (RETRIES, _cut_off("error", is_second_killed=True)),
    "plain, second killed": (RETRIES, _cut_off("plain", is_second_killed=True)),
}
"""Retries of the job, and the trial."""


async def run(name: str, options: Options, trial: str) -> Result:
    """Run a trial."""
    retries, act = TRIALS[trial]
    engine: Engine = build(name, replace(options, retries=retries))
    await engine.prepare()
    async with engine.open():
        with fleet(engine) as crew:
            return await act(crew)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    found = run(sys.argv[1], Options(**{**given, "folder": Path(given["folder"])}), sys.argv[3])
    print(json.dumps(asyncio.run(found)))
