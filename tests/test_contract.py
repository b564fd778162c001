"""Contract tests: no route returns a 5xx status or an undocumented response.

Schemathesis generates the requests from the OpenAPI document, for anonymous callers, a user and an
admin. The project has resources of every access.
"""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, Bake
from tests.every_field_type import project_with_every_field_type
from tests.serving import Server, environment, running

PASSWORD = "a password of the contract test"  # noqa: S105
CALLERS = {"anonymous": None, "user": "user@example.com", "admin": "admin@example.com"}
# Rules that aren't in the schema can reject valid data, such as a dangling reference. Pydantic
# accepts "3" and false as numbers, and lists ignore empty parameters.
EXCLUDED = ["positive_data_acceptance", "negative_data_rejection"]
LAST = "operation-id=delete_own_account"
STREAMS = "--exclude-operation-id-regex=^stream_"
"""They don't end."""
# Without rate limits and expensive hashes.
SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_LOGIN_MIN_RESPONSE_TIME": "0",
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000000",
    "AUTH_LOGIN_ATTEMPTS": "1000000",
    "LOG_LEVEL": "warning",
}


@pytest.fixture(scope="module")
def server(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a project with an admin and a user."""
    project, python = project_with_every_field_type(bake)
    app = [python, "-m", "app"]
    variables = {**environment(), **SETTINGS}
    subprocess.run([*app, "db", "upgrade"], cwd=project, env=variables, check=True)
    for email in filter(None, CALLERS.values()):
        create = ["users", "create-admin", "--password-stdin", "--email", email]
        secret = f"{PASSWORD}\n".encode()
        subprocess.run([*app, *create], cwd=project, env=variables, check=True, input=secret)
    with closing(sqlite3.connect(project / "app.db")) as database, database:
        database.execute(
            "DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE email = ?)",
            [CALLERS["user"]],
        )
    log = tmp_path_factory.mktemp("log") / "log"
    with running([*app, "serve"], project, log, variables) as served:
        yield served


def succeeded(found: subprocess.CompletedProcess[str]) -> bool:
    """Return whether all responses are as documented, or of the server: 414 for a too long URL."""
    failures = map(int, re.findall(r"❌ ST\d+ .*: (\d+)", found.stdout))
    statuses = re.findall(r"Received: (\d+)", found.stdout)
    return found.returncode == 0 or ({*statuses} == {"414"} and sum(failures) == len(statuses))


@pytest.mark.parametrize("caller", CALLERS)
def test_responses_match_the_openapi_document(server: Server, caller: str, tmp_path: Path) -> None:
    found = _call(server, CALLERS[caller], tmp_path, f"--exclude-{LAST}", STREAMS)

    assert succeeded(found), f"{found.stdout}\n{server.printed()[-2000:]}"
    tested = re.search(r"Tested: (\d+)", found.stdout)
    assert tested
    assert int(tested[1]) > 60
    denied = re.search(r"(\d+) operations? returned only 401/403", found.stdout)
    assert (denied is not None and int(denied[1]) > 30) == (caller == "anonymous"), found.stdout


@pytest.mark.parametrize("caller", ["user", "admin"])
def test_responses_of_account_deletion_match_the_openapi_document(
    server: Server, caller: str, tmp_path: Path
) -> None:
    found = _call(server, CALLERS[caller], tmp_path, f"--include-{LAST}")

    assert found.returncode == 0, f"{found.stdout}\n{server.printed()[-2000:]}"


def _call(
    server: Server, email: str | None, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis, anonymously or as the user with this email address."""
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis as st; st()", "run"]
    excluded = f"--exclude-checks={','.join(EXCLUDED)}"
    fixed = [excluded, "--max-examples=5", "--seed=1", "--no-color"]
    variables = {**environment(), "PYTHONPATH": str(TEMPLATE)}
    if email:
        variables |= {
            "SCHEMATHESIS_HOOKS": "tests.contract.auth",
            "CONTRACT_ADDRESS": server.address,
            "CONTRACT_EMAIL": email,
            "CONTRACT_PASSWORD": PASSWORD,
        }
    return subprocess.run(
        [*command, f"{server.address}/openapi.json", *fixed, *options],
        cwd=folder,
        env=variables,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
