"""Run by failures.py with a project's packages: cause failures, one stack after the other.

Reads a `Plan` as JSON from its argument, and prints an `Outcome` as JSON per failure.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import asdict, replace
from itertools import groupby

from tests.postgres import running_postgres  # type: ignore[import-not-found]

from proofs.database import Server
from proofs.failing.catalog import all_failures
from proofs.failing.clients import EMAIL, PASSWORD
from proofs.failing.failure import Failure, Outcome
from proofs.failing.scene import Plan
from proofs.failing.stage import opened
from proofs.postgres_inside import prepare
from proofs.walks_check import Ledger

GRANTS = (
    # As a superuser would, the owner of the tables isn't bound by what is taken from the app here.
    "REVOKE test FROM app",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
)


def create_model(url: str, project: str) -> None:
    """Migrate a database and create what all scenes need."""
    variables = {"DATABASE_URL": url}
    command = [sys.executable, "-B", "-m", "app"]
    admin = [*command, "users", "create-admin", "--email", EMAIL, "--password-stdin"]
    for line, text in (([*command, "db", "upgrade"], ""), (admin, PASSWORD)):
        subprocess.run(
            line, cwd=project, env={**os.environ, **variables}, check=True, input=text, text=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    asyncio.run(Ledger(url).create())


async def prove(plan: Plan, failures: list[Failure]) -> None:
    """Cause the failures and print what happened."""
    postgres = Server(plan.server)
    if plan.server:
        await postgres.learn_command()
    for number, (stack, group) in enumerate(groupby(failures, key=lambda one: one.stack)):
        left = list(group)
        try:
            async with opened(plan, stack, postgres, number) as scene:
                while left:
                    report(await scene.run(left[0]))
                    left.pop(0)
        except Exception:  # noqa: BLE001 - other stacks go on
            for failure in left:
                report(outcome_of(failure, [traceback.format_exc()]))


def outcome_of(failure: Failure, faults: list[str]) -> Outcome:
    """Return the outcome of a failure that could not be caused."""
    return Outcome(failure.name, failure.slug, failure.cause, failure.remedy, faults=faults)


def report(outcome: Outcome) -> None:
    """Print it for failures.py."""
    print(json.dumps(asdict(outcome)), flush=True)


def main() -> None:
    """Run the plan."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    plan = Plan(**json.loads(sys.argv[1]))
    failures = [one for one in all_failures() if not plan.slugs or one.slug in plan.slugs]
    if any(one.stack.database == "sqlite" for one in failures):
        create_model(f"sqlite+aiosqlite:///{plan.model}", plan.project)
    if all(one.stack.database == "sqlite" for one in failures):
        asyncio.run(prove(plan, failures))
        return
    with running_postgres() as url:
        asyncio.run(prepare(url))
        asyncio.run(create_on_server(url, plan.project))
        asyncio.run(prove(replace(plan, server=url), failures))


async def create_on_server(url: str, project: str) -> None:
    """Create the database from which those of the scenes are copied."""
    await Server(url).run("CREATE DATABASE model")
    model = f"{url.rpartition('/')[0]}/model"
    await asyncio.to_thread(create_model, model.replace("://", "+asyncpg://"), project)
    server = Server(model)
    for statement in GRANTS:
        await server.run(statement)
    await server.close()


if __name__ == "__main__":
    main()
