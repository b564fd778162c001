"""The OpenAPI document passes linters, and clients generated from it work, as docs/clients.md says.

The project has resources of every access with fields of every type.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import fireup
from tests import npm
from tests.baking import TEMPLATE, Bake
from tests.every_field_type import project_with_every_field_type
from tests.serving import environment, run_in, running

CLIENTS = TEMPLATE / "tests/clients"
BLOCK = re.compile(r"^```(\w+)\n(?://|#) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^python3 dev\.py app (.+)$", re.MULTILINE)
EMAIL, PASSWORD = "admin@example.com", "a password of the client test"
SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_LOGIN_MIN_RESPONSE_TIME": "0",
    "LOG_LEVEL": "warning",
}
MISSING = [name for name in ("node", "npm", "npx") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def tools() -> Path:
    """Return the `bin` folder of the generators that are Python packages."""
    return Path(fireup.install(CLIENTS / "requirements.txt")).parent


@pytest.fixture(scope="module")
def node() -> Path:
    """Return the folder of the generators that are npm packages."""
    return npm.installed(CLIENTS)


@pytest.fixture(scope="module")
def project(bake: Bake, node: Path) -> Path:
    """Generate a project, run the commands of the page, and write its files."""
    project, python = project_with_every_field_type(bake)
    page = (TEMPLATE / "docs/clients.md").read_text(encoding="utf-8")
    commands = COMMAND.findall(page)
    assert len(commands) == 3
    for words in commands:
        run([python, "-m", "app", *words.split()], project, **SETTINGS)
    for _, name, text in BLOCK.findall(page):
        (project / name).write_text(text, encoding="utf-8")
    (project / "web/node_modules").symlink_to(node / "node_modules")
    return project


@pytest.fixture(scope="module")
def server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Serve the project; return its address and the credentials of a user."""
    variables = {**environment(), **SETTINGS}
    app = [
        fireup.install(TEMPLATE / "{{cookiecutter.project_slug}}/requirements-dev.txt"),
        "-m",
        "app",
    ]
    subprocess.run([*app, "db", "upgrade"], cwd=project, env=variables, check=True)
    create = [*app, "users", "create-admin", "--password-stdin", "--email", EMAIL]
    subprocess.run(create, cwd=project, env=variables, check=True, input=f"{PASSWORD}\n".encode())
    log = tmp_path_factory.mktemp("log") / "log"
    with running([*app, "serve"], project, log, variables) as served:
        yield [served.address, EMAIL, PASSWORD]


@pytest.fixture(scope="module")
def compiled(project: Path, node: Path) -> Path:
    """Generate the other TypeScript clients, compile all strictly, and return the folder."""
    web = project / "web"
    shutil.copytree(CLIENTS / "src", web / "src", dirs_exist_ok=True)
    shutil.copy(CLIENTS / "tsconfig.json", web)
    (web / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    binaries = node / "node_modules/.bin"
    for name in ("openapi-ts", "orval"):
        shutil.copy(CLIENTS / f"{name}.config.mjs", web)
        run([str(binaries / name)], web)
    run([str(binaries / "tsc"), "--project", "."], web)
    return web / "out"


@pytest.mark.parametrize("generator", ["fetch", "hey", "orval"])
def test_typescript_client(compiled: Path, server: list[str], generator: str) -> None:
    assert run(["node", f"run_{generator}.js", *server], compiled) == "done\n"


def test_python_client(project: Path, tools: Path, server: list[str]) -> None:
    clients = project / "clients"
    shutil.copy(CLIENTS / "python_client.py", clients)

    run([str(tools / "mypy"), "--strict", "--no-incremental", "my_api", "notes.py"], clients)
    run([str(tools / "python"), "python_client.py", *server], clients)


def test_go_client(project: Path, tools: Path, server: list[str], tmp_path: Path) -> None:
    generate = ["generate", "-i", str(project / "openapi.json"), "-g", "go", "-o", "client"]
    options = ["--additional-properties=withGoMod=false,useOneOfDiscriminatorLookup=true"]
    run([str(tools / "openapi-generator-cli"), *generate, *options], tmp_path)
    shutil.rmtree(tmp_path / "client/test")
    (tmp_path / "client/go.mod").write_text("module example.com/client\n\ngo 1.22\n")
    (tmp_path / "client/run").mkdir()
    shutil.copy(CLIENTS / "main.go", tmp_path / "client/run")
    go = {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOCACHE": str(fireup.dev.create_cache_folder() / "go"),
    }

    printed = run([str(tools / "go"), "run", "./run", *server], tmp_path / "client", **go)

    assert printed == "done\n"


def test_document_is_valid(project: Path, tools: Path) -> None:
    run([str(tools / "openapi-spec-validator"), "openapi.json"], project)


@pytest.mark.parametrize("linter", ["redocly", "spectral"])
def test_linter_finds_nothing(project: Path, node: Path, linter: str) -> None:
    arguments = {
        "redocly": ["--config", str(CLIENTS / "redocly.yaml"), "--max-problems", "1000"],
        "spectral": ["--ruleset", str(CLIENTS / ".spectral.yaml"), "--fail-severity", "hint"],
    }
    run(
        [str(node / "node_modules/.bin" / linter), "lint", "openapi.json", *arguments[linter]],
        project,
    )


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Run a command, assert that it succeeds, and return what it printed."""
    done = run_in(folder, command, **variables)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout
