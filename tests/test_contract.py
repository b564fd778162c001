"""Whoever calls whatever route with whatever data: no 5xx comes back, and nothing undocumented.

Schemathesis makes up the calls from the project's OpenAPI document.
"""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import fireup
from tests.baking import PROJECT, TEMPLATE, Bake
from tests.serving import Server, environment, running

PASSWORD = "a password of the contract test"  # noqa: S105
CALLERS = {"nobody": None, "user": "user@example.com", "admin": "admin@example.com"}
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]
LAST = "operation-id=delete_account"
# No limits in the way, and no time for hashes: what is asked for is the contract.
SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_FAILURE_FLOOR": "0",
    "AUTH_CLIENT_ATTEMPTS": "1000000",
    "AUTH_LOGIN_ATTEMPTS": "1000000",
    "LOG_LEVEL": "warning",
}


@pytest.fixture(scope="module")
def server(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a project that has an admin, and a user."""
    project = bake()
    app = [fireup.install(PROJECT / "requirements-dev.txt"), "-m", "app"]
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


@pytest.mark.parametrize("caller", CALLERS)
def test_no_route_answers_what_it_does_not_document(
    server: Server, caller: str, tmp_path: Path
) -> None:
    # The coverage phase walks every limit of every field: one caller who gets through is enough.
    phases = "coverage,fuzzing" if caller == "user" else "fuzzing"

    found = _call(server, CALLERS[caller], tmp_path, f"--phases={phases}", f"--exclude-{LAST}")

    assert found.returncode == 0, f"{found.stdout}\n{server.printed()[-2000:]}"
    tested = re.search(r"Tested: (\d+)", found.stdout)
    assert tested
    assert int(tested[1]) > 30
    assert ("returned only 401/403" in found.stdout) == (caller == "nobody"), found.stdout


@pytest.mark.parametrize("caller", ["user", "admin"])
def test_deleting_the_account_answers_what_it_documents(
    server: Server, caller: str, tmp_path: Path
) -> None:
    found = _call(server, CALLERS[caller], tmp_path, "--phases=fuzzing", f"--include-{LAST}")

    assert found.returncode == 0, f"{found.stdout}\n{server.printed()[-2000:]}"


def _call(
    server: Server, email: str | None, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Let Schemathesis call the routes as nobody, or as the user with this address."""
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis as st; st()", "run"]
    fixed = [f"--checks={','.join(CHECKS)}", "--max-examples=5", "--seed=1", "--no-color"]
    variables = {**environment(), "PYTHONPATH": str(TEMPLATE)}
    if email:
        variables |= {
            "SCHEMATHESIS_HOOKS": "tests.contract.signing_in",
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
