"""`app doctor`: check the installation."""

import asyncio
import json
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from app import features
from app.commands.error_messages import error_message
from app.commands.invocation import as_invoked, say
from app.main import open_state
from app.operations.doctor.checks import Report, run_checks, worst
from app.operations.doctor.findings import Installation, Status, error
from app.settings.config import Settings, load_settings
from app.settings.sources import EnvFileError


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("doctor")(check_installation)


def check_installation(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON")] = False
) -> None:
    """Check settings, database, emails, files, jobs, certificate and more, and say how to fix what is wrong.

    No email is sent. Exits with 1 if there is an error; warnings don't count.
    """
    try:
        reports = asyncio.run(_check(load_settings()))
    except (ValidationError, EnvFileError) as problem:
        message = (error_message(problem) or "").removeprefix("app: ").replace("%", "%%")
        reports = [Report("settings", "Settings", error(message, "Correct them, then run `app doctor` again."))]
    rows = [(report.name, *finding) for report in reports for finding in report.findings]
    if as_json:
        findings = [dict(zip(("check", "status", "message", "fix"), map(as_invoked, row), strict=True)) for row in rows]
        say(json.dumps({"status": worst(reports), "findings": findings}, indent=2, ensure_ascii=False))
    else:
        for name, status, message, fix in rows:
            say(f"{status:<8} {name:<12} {message}" + (f"\n{'':<21} → {fix}" if fix else ""))
        say(", ".join(f"{status}: {sum(row[1] is status for row in rows)}" for status in reversed(Status)))
    sys.exit(1 if worst(reports) is Status.ERROR else 0)


async def _check(settings: Settings) -> list[Report]:
    features.load_models()
    features.load_jobs()
    async with open_state(settings) as state:
        return await run_checks(Installation(settings, state["database"]))
