"""Releases of `app new deployment compose` while clients send requests.

    python3 fireup.py prove compose [--releases N] [--only VERSION]

Each version of docker-compose gets a new deployment on a real Docker engine, with stand-ins for the
base images: 1.29 the plain one, 2 with Redis, 5 with PgBouncer. Clients create and list notes, and
one sends requests of four seconds; meanwhile N releases with a migration each are rolled out, then
the first one is rolled back to. Each request must be answered, and each note that was created must
be there. Needs root, docker.io, docker-compose and mmdebstrap.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import fireup
from tests.docker.base_images import provide_base_images, provide_caddy, provide_packaged
from tests.docker.engine import Engine, reason_not_to_run, running_engine
from tests.docker.production import BUILD, Clients, Production, add_migration, prepare
from tests.docker.tools import install_tool

OVERRIDES = {"1": "", "2": ":compose.redis.yml", "5": ":compose.pgbouncer.yml"}
RELEASES = 5


class Found(NamedTuple):
    """What happened to the requests."""

    answers: dict[int | str, int]
    lost: dict[int | str, int]
    missing: int
    slowest: float
    rollouts: list[float]
    """Seconds that each rollout took."""


def prove(engine: Engine, scratch: Path, version: str, releases: int) -> Found:
    """Roll out releases with a version of docker-compose, and count the answers."""
    project = fireup.generate(scratch / f"compose_{version}", {})
    prepare(project)
    engine.run("docker", "build", "--quiet", "--network=host", *BUILD, project)
    files = f"compose.production.yml{OVERRIDES[version]}"
    production = Production.create(engine, project, f"COMPOSE_FILE={files}")
    if version == "5":
        folder = project / "deploy" / "pgbouncer"
        engine.run("docker", "tag", "fireup-python", "debian:trixie-slim")
        build = ("docker", "build", "--quiet", "--network=host", "--tag")
        engine.run(*build, f"{production.name}-pgbouncer", folder)
    compose = Path("/usr/bin/docker-compose")
    if version != "1":
        compose = install_tool(f"compose-{version}", scratch)
    token = production.sign_in(production.run(compose, "./rollout"))
    first = production.images()[0]
    engine.run("docker", "tag", first, f"{production.name}:first")
    clients, rollouts = Clients(production, token), []
    with clients.working(minimum=500):
        for _ in range(releases):
            add_migration(project)
            rollouts.append(_measure(production, compose, "./rollout"))
        rollouts.append(_measure(production, compose, "./rollout", f"{production.name}:first"))
    notes = int(production.query("SELECT count(*) FROM notes"))
    found = Found(
        dict(clients.answers), clients.lost, clients.answers[201] - notes, clients.slowest, rollouts
    )
    production.run(compose, "docker-compose", "down", "--volumes")
    return found


def _measure(production: Production, compose: Path, *command: str) -> float:
    began = time.monotonic()
    production.run(compose, *command)
    return time.monotonic() - began


def report(version: str, found: Found) -> str:
    """Format what was found, as a row of the table in docs/deploying.md."""
    answers = ", ".join(f"{answer}: {number:,}" for answer, number in found.answers.items())
    seconds = f"{min(found.rollouts):.0f} to {max(found.rollouts):.0f} s"
    lost = sum(found.lost.values()) + abs(found.missing)
    return f"| {version} | {answers} | {lost} | {found.slowest:.1f} s | {seconds} |"


def main() -> None:
    """Run the proof; exit with 1 if a request was lost."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove compose")
    parser.add_argument("--releases", type=int, default=RELEASES)
    parser.add_argument("--only", choices=sorted(OVERRIDES), default="")
    options = parser.parse_args()
    if reason := reason_not_to_run():
        sys.exit(reason)
    failed = False
    with tempfile.TemporaryDirectory(prefix="proof-") as name, running_engine() as engine:
        scratch = Path(name)
        provide_base_images(engine)
        provide_caddy(engine, install_tool("caddy", scratch))
        provide_packaged(engine, "redis", "redis:8")
        for version in OVERRIDES:
            if options.only in {"", version}:
                found = prove(engine, scratch, version, options.releases)
                print(report(version, found), flush=True)
                failed |= bool(found.lost or found.missing)
    sys.exit(failed)


if __name__ == "__main__":
    main()
