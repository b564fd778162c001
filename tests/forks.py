"""Run many commands of a project, each in a fork of a process that has imported the libraries.

Starting Python and importing them takes longer than most commands. Each command imports the
project's own modules.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.serving import environment

SERVER = """
import json, os, runpy, sys, tempfile, traceback
import aiosqlite, alembic.command, asyncpg, fastapi, jinja2, mako.template, pydantic_settings, ruff
import sqlalchemy.dialects.postgresql.asyncpg, sqlalchemy.ext.asyncio, starlette.testclient, typer

def run(arguments, code):
    sys.argv = ["app", *arguments]
    try:
        if code:
            exec(code, {"__name__": "__main__"})
        else:
            runpy.run_module("app", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 1 if isinstance(end.code, str) else end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

for line in sys.stdin:
    with tempfile.TemporaryFile() as output:
        if (pid := os.fork()) == 0:
            for number in (1, 2):
                os.dup2(output.fileno(), number)
            status = run(**json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        _, status = os.waitpid(pid, 0)
        output.seek(0)
        text = output.read().decode()
    print(json.dumps([os.waitstatus_to_exitcode(status), text]), flush=True)
"""


class Done(NamedTuple):
    """What a command returned."""

    status: int
    output: str


class Forks:
    """A process that runs commands of a project."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def app(self, *arguments: str) -> Done:
        """Run `app …`."""
        return self._run(arguments, "")

    def python(self, code: str, *arguments: str) -> str:
        """Run code, which must succeed, and return its output."""
        done = self._run(arguments, code)
        assert done.status == 0, done.output
        return done.output

    def _run(self, arguments: tuple[str, ...], code: str) -> Done:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "code": code}) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))


@contextmanager
def forks_of(project: Path, python: str, **variables: str) -> Iterator[Forks]:
    """Start the process, and end it afterwards."""
    with subprocess.Popen(
        [python, "-c", SERVER],
        cwd=project,
        env={**environment(), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Forks(process)
        assert process.stdin
        process.stdin.close()
