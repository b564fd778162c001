"""fireup.py and dev.py: from only Python to a running project, with clear error messages."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tests.baking import MINIMAL, PROJECT, TEMPLATE, Bake
from tests.serving import Visitor, environment, run_dev, running

NEVER_INSTALLED = {"ecdsa", "pyasn1", "rsa"}  # optional dependencies of python-jose
LOCKED = """\
version = 1

[[package]]
name = "ours"
sdist = { url = "a.tar.gz", hash = "sha256:aa" }
wheels = [
    { url = "b.whl", hash = "sha256:bb" },
    { url = "added-later.whl", hash = "sha256:cc" },
]

[[package]]
name = "added-by-the-owner"
sdist = { url = "d.tar.gz", hash = "sha256:dd" }
"""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dev = _load(PROJECT / "dev.py")


@pytest.fixture
def only_python(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a new machine: an empty home directory, and no uv on the PATH."""
    home = tmp_path / "home"
    home.mkdir()
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    names = ("TMPDIR", "LANG", "SSL_CERT_FILE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "HOME": str(home), "PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def installed(bake: Bake) -> Path:
    """Generate the default project and install its dependencies."""
    project = bake()
    run_dev(project, "app", "features")
    return project


def test_every_pin_has_hashes_and_no_package_is_superfluous() -> None:
    files = [*TEMPLATE.glob("requirements*.txt"), *PROJECT.glob("requirements*.txt")]

    pins = {path: dev.read_pins(path) for path in files}

    assert len(files) == 5
    for path, hashes in pins.items():
        assert hashes
        assert all(hashes.values()), path
        assert not {_name(pin) for pin in hashes} & NEVER_INSTALLED


def test_requirements_contain_only_what_the_options_need(baked: Bake) -> None:
    default, without_admin, neither, minimal = (
        _locked_names(baked(**answers) / "requirements.txt")
        for answers in ({}, {"admin": False}, {"admin": False, "deploy": False}, MINIMAL)
    )

    assert default - without_admin == {"itsdangerous", "starlette-admin", "xlsxwriter"}
    operations = {"opentelemetry-sdk", "prometheus-client", "pyrage", "sentry-sdk"}
    assert without_admin - neither >= operations
    assert neither == minimal  # emails need Jinja2, and the API python-multipart, too


@pytest.mark.parametrize("answers", [{}, {"admin": False}, MINIMAL], ids=["all", "lean", "minimal"])
def test_dependencies_of_pyproject_are_locked(answers: dict[str, bool], baked: Bake) -> None:
    project = baked(**answers)
    content = tomllib.loads((project / "pyproject.toml").read_text())
    required = {_name(entry) for entry in content["project"]["dependencies"]}
    developers = {
        _name(entry) for group in content["dependency-groups"].values() for entry in group
    }

    locked = {name: _locked_names(project / name) for name in dev.EXPORTS}

    assert required <= locked["requirements.txt"]
    assert required | developers <= locked["requirements-dev.txt"]
    assert not developers & locked["requirements.txt"]


def test_untested_files_are_removed_from_the_lock() -> None:
    kept = dev.keep_pinned_files(LOCKED, {"ours==1": {"sha256:aa", "sha256:bb"}})

    assert kept == LOCKED.replace('    { url = "added-later.whl", hash = "sha256:cc" },\n', "")


def test_package_without_tested_files_is_rejected() -> None:
    with pytest.raises(SystemExit, match="none of the tested files of ours"):
        dev.keep_pinned_files(LOCKED, {"ours==1": {"sha256:ee"}})


def test_first_lock_contains_the_pinned_versions_and_files(installed: Path) -> None:
    pins = dev.read_pins(installed / "requirements-dev.txt")
    lock = tomllib.loads((installed / "uv.lock").read_text())
    packages = {
        package["name"]: package for package in lock["package"] if "registry" in package["source"]
    }

    versions = {f"{name}=={package['version']}" for name, package in packages.items()}

    assert versions == {pin.split(" ")[0] for pin in pins}
    for pin, tested in pins.items():
        package = packages[_name(pin)]
        files = [package.get("sdist", {}), *package.get("wheels", [])]
        assert {file["hash"] for file in files if file} <= tested


def test_uv_accepts_the_first_lock(installed: Path) -> None:
    lock = (installed / "uv.lock").read_bytes()
    uv = dev.find_uv()

    for arguments in (["lock", "--check"], ["run", "--no-dev", "--inexact", "app", "features"]):
        subprocess.run([uv, *arguments], cwd=installed, env=_uv_environment(), check=True)

    assert (installed / "uv.lock").read_bytes() == lock


def test_up_to_date_environment_is_not_synced_again(installed: Path) -> None:
    missing = {**environment(), "UV": "", "PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}

    done = _run([sys.executable, "dev.py", "app", "features"], installed, missing)

    assert done.returncode == 0
    assert done.stderr == ""


def test_lock_without_upgrade_keeps_the_tested_versions(bake: Bake) -> None:
    project = bake()
    before = {name: dev.read_pins(project / name) for name in dev.EXPORTS}

    run_dev(project, "lock", "--no-upgrade")

    assert {name: dev.read_pins(project / name) for name in dev.EXPORTS} == before


def test_documented_pip_commands_work(bake: Bake) -> None:
    project = bake()
    commands = re.findall(r"^  pip (install .+)$", str(dev.__doc__), re.MULTILINE)
    assert len(commands) == 2

    subprocess.run([sys.executable, "-m", "venv", ".venv"], cwd=project, check=True)
    for command in commands:
        pip = [".venv/bin/python", "-m", "pip", "--quiet", *command.split()]
        subprocess.run(pip, cwd=project, env=environment(), check=True)

    done = _run([".venv/bin/app", "features"], project, environment())
    assert "notes" in done.stdout


def test_checks_continue_after_a_failure(installed: Path) -> None:
    (installed / "tests" / "untidy.py").write_text('"""Untidy."""\nimport   os\n')

    done = _run([sys.executable, "dev.py", "check", "format", "lint", "imports"], installed)

    (installed / "tests" / "untidy.py").unlink()
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "Failed: format, lint"
    assert "Check imports" in done.stderr


def test_broken_or_old_uv_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = next(iter(dev.read_pins(dev.PINNED_UV))).replace("==", "-")
    private = tmp_path / "cache" / "fireup" / version / "bin" / "uv"
    _write_script(tmp_path / "broken" / "uv", "echo uv: command not found >&2; exit 127")
    _write_script(tmp_path / "old", "echo uv 0.10.12")
    _write_script(private, "echo uv 0.13.0")
    monkeypatch.setenv("UV", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'broken'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    assert dev.find_uv() == str(private)


@pytest.mark.parametrize("words", [[], ["tests/features"], ["-n", "0"]])
def test_tests_run_in_parallel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Also selected ones; of two `-n` options, pytest uses the last."""
    lines: list[list[str]] = []
    monkeypatch.setattr(dev, "install", lambda **_: None)
    monkeypatch.setattr(dev, "replace_process", lines.append)

    dev.test(words)

    assert [line[1:] for line in lines] == [["-m", "pytest", "-n", "auto", *words]]
    assert ("four minutes" in capsys.readouterr().err) == (not words)


@pytest.mark.parametrize(
    ("line", "developer"),
    [
        ("new resource Book title:str", True),
        ("rename field Book title name", True),
        ("change field Book title:text", True),
        ("remove field Book title", True),
        ("db revision -m Title", True),
        ("db upgrade", False),
        ("users list", False),
        ("", False),
    ],
)
def test_commands_that_write_code_install_what_formats_it(
    monkeypatch: pytest.MonkeyPatch, line: str, *, developer: bool
) -> None:
    installed: list[bool] = []
    monkeypatch.setattr(dev, "install", lambda *, developer: installed.append(developer))
    monkeypatch.setattr(dev, "replace_process", lambda _: 0)

    dev.app(line.split())

    assert installed == [developer]


def test_duration_of_the_template_tests_is_printed_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fireup = _load(TEMPLATE / "fireup.py")
    printed: list[str] = []
    monkeypatch.setattr(fireup, "install", lambda *_: None)
    monkeypatch.setattr(fireup, "_ours", lambda *_: ["pytest"])
    monkeypatch.setattr(
        fireup.subprocess, "call", lambda *_: printed.append(capsys.readouterr().err)
    )

    fireup.test([])

    assert "forty minutes" in printed[0]
    assert "a minute" in printed[1]


def test_missing_network_prints_clear_error(bake: Bake, only_python: dict[str, str]) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}

    done = _run(["python3", "dev.py", "run"], bake(), {**only_python, **offline})

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("Check your network connection.")
    assert "Traceback" not in done.stderr


def test_old_python_prints_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "MIN_PYTHON", (99, 1))

    with pytest.raises(SystemExit, match=r"^Python 99\.1 or later is required; this is 3\."):
        dev.main(["run"])


def test_read_only_project_prints_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(SystemExit, match="Can't write to"):
        dev.main(["app"])


@pytest.mark.parametrize("script", [PROJECT / "dev.py", TEMPLATE / "fireup.py"])
def test_help_lists_every_command(script: Path) -> None:
    done = _run([sys.executable, "-B", str(script), "--help"], script.parent)

    commands = ["test", "check", "lock", *(["run", "app"] if script.stem == "dev" else [])]
    assert all(f"python3 {script.name} {command} " in done.stdout for command in commands)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["license=GPL"], "Use license=MIT or license=Ap", id="no-such-choice"),
        pytest.param(["pages=maybe"], "Use pages=yes or pages=no", id="neither-yes-nor-no"),
        pytest.param(["project_name=class"], "project_slug=my_class", id="hook"),
        pytest.param(["color=red"], "Options: project_name, ", id="no-such-question"),
        pytest.param(["project_name={{ 7 * 7 }}"], "project_name contains one of", id="braces"),
        pytest.param(["description={% x %}"], "description contains one of", id="mark"),
        pytest.param(
            ["./s", "project_slug=other"], "either FOLDER or project_slug", id="two-names"
        ),
        pytest.param(["one", "two"], "Expected one FOLDER, got one, two", id="two-folders"),
        pytest.param(["used"], "already exists and is not empty", id="used-folder"),
    ],
)
def test_invalid_arguments_print_one_line_and_write_nothing(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()

    done = _fireup("--no-run", *arguments, cwd=tmp_path)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == [used]


def test_project_is_named_after_the_folder(tmp_path: Path) -> None:
    (tmp_path / "my-shop").mkdir()

    done = _fireup("--no-run", "my-shop", "deploy=no", cwd=tmp_path)

    assert done.returncode == 0
    assert (tmp_path / "my-shop" / "README.md").read_text().startswith("# My Shop\n")
    assert not (tmp_path / "my-shop" / "Dockerfile").exists()
    assert f"cd {tmp_path / 'my-shop'}\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["my-shop"]


@pytest.mark.parametrize(
    "folder", ["json", "con", "with space/in ner", "O'Brien's shop", "x" * 51, 'say "{{hi}}"']
)
def test_any_folder_name_is_accepted_and_printed_quoted(folder: str, tmp_path: Path) -> None:
    done = _fireup("--no-run", folder, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / folder / "dev.py").exists()
    command = done.stdout.splitlines()[1].strip()
    assert _run(["sh", "-c", f"{command} && pwd"], tmp_path).stdout == f"{tmp_path / folder}\n"


def test_read_only_home_prints_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}

    done = _fireup("--no-run", "shop", cwd=tmp_path, env={**environment(), **home})

    assert done.returncode == 1
    assert "XDG_CACHE_HOME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_git_is_not_required(tmp_path: Path, only_python: dict[str, str]) -> None:
    _fireup("--no-run", "first", cwd=tmp_path)
    path = str(Path(only_python["PATH"].split(":")[0]))

    done = _fireup("--no-run", "second", cwd=tmp_path, env={**environment(), "PATH": path})

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "second" / "dev.py").exists()


def test_user_configuration_of_cookiecutter_is_ignored(tmp_path: Path) -> None:
    settings = tmp_path / "cookiecutterrc"
    settings.write_text("default_context: {project_name: Surprise, admin: false}\n")
    home = {"COOKIECUTTER_CONFIG": str(settings)}

    _fireup("--no-run", cwd=tmp_path, env={**environment(), **home})

    assert (tmp_path / "my_project" / "README.md").read_text().startswith("# My Project\n")
    assert (tmp_path / "my_project" / "app" / "admin").is_dir()


def test_first_command_serves_a_project_with_only_python(
    tmp_path: Path, template: Path, only_python: dict[str, str]
) -> None:
    logs = [tmp_path.parent / "first.txt", tmp_path.parent / "again.txt"]
    first = ["python3", str(template / "fireup.py"), "shop"]
    again = ["python3", "dev.py", "run"]

    with running(first, tmp_path, logs[0], only_python) as server:
        email, password = server.credentials()
        login = Visitor(server.address).post_json(
            "/api/v1/auth/login", {"email": email, "password": password}
        )
        assert f"Sign in at {server.address}/login" in server.printed()
    project = tmp_path / "shop"
    kept = {name: (project / name).read_bytes() for name in (".env", "uv.lock")}
    with running(again, project, logs[1], only_python):
        pass

    assert login.status == 200
    assert "Install" not in logs[1].read_text()
    assert not [log for log in logs if "Traceback" in log.read_text()]
    assert {name: (project / name).read_bytes() for name in kept} == kept
    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_second_project_needs_no_network(
    tmp_path: Path, template: Path, only_python: dict[str, str]
) -> None:
    """All requests go to an unreachable proxy; package URLs are unchanged."""
    fireup = ["python3", str(template / "fireup.py")]
    unreachable = dict.fromkeys(("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    no_retries = {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    offline = {**only_python, **unreachable, "NO_PROXY": "", **no_retries}
    log = tmp_path.parent / "offline.txt"

    none = _run([*fireup, "--no-run", "none"], tmp_path, offline)
    first = _run([*fireup, "--no-run", "first"], tmp_path, only_python)
    app = ["python3", "first/dev.py", "app", "features"]
    assert _run(app, tmp_path, only_python).returncode == 0, first.stderr
    with running([*fireup, "second"], tmp_path, log, offline) as server:
        assert Visitor(server.address).get("/health/ready").status == 200
        email, _ = server.credentials()

    assert none.stderr.splitlines()[-1].endswith("Check your network connection.")
    assert email == "admin@example.com"


def _fireup(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, str(TEMPLATE / "fireup.py"), *arguments], cwd, env)


def _run(
    line: list[str], cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    used = environment() if env is None else env
    return subprocess.run(line, cwd=cwd, env=used, check=False, capture_output=True, text=True)


def _uv_environment() -> dict[str, str]:
    return {**environment(), "UV_SYSTEM_CERTS": "1", "UV_PYTHON": sys.executable}


def _write_script(path: Path, command: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def _locked_names(requirements: Path) -> set[str]:
    return {_name(pin) for pin in dev.read_pins(requirements)}


def _name(requirement: str) -> str:
    """Return the package name of a requirement: `a` for `a[b]>=1`."""
    return re.split(r"[^\w-]", requirement)[0]
