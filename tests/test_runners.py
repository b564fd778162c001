"""fireup.py and dev.py: from Python alone to a served project, and a sentence when that fails."""

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

NEVER_INSTALLED = {"ecdsa", "pyasn1", "rsa"}  # python-jose names them and needs none of them
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
def nothing_but_python(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a fresh machine: an empty home, and no uv on the PATH."""
    home = tmp_path / "home"
    home.mkdir()
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    keep = ("TMPDIR", "LANG", "SSL_CERT_FILE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return {**kept, "HOME": str(home), "PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def installed(bake: Bake) -> Path:
    """Generate the default project and install what it needs to run."""
    project = bake()
    run_dev(project, "app", "features")
    return project


def test_every_locked_file_has_a_hash_and_no_package_is_superfluous() -> None:
    files = [*TEMPLATE.glob("requirements*.txt"), *PROJECT.glob("requirements*.txt")]

    pins = {path: dev.read_pins(path) for path in files}

    assert len(files) == 5
    for path, hashes in pins.items():
        assert hashes
        assert all(hashes.values()), path
        assert not {_name(pin) for pin in hashes} & NEVER_INSTALLED


def test_the_requirements_hold_only_what_the_answers_need(baked: Bake) -> None:
    default, without_admin, minimal = (
        _locked_names(baked(**answers) / "requirements.txt")
        for answers in ({}, {"admin": False}, MINIMAL)
    )

    assert default - without_admin == {"itsdangerous", "starlette-admin", "xlsxwriter"}
    assert without_admin - minimal == {"python-multipart"}  # Jinja2 writes the mails too


@pytest.mark.parametrize("answers", [{}, {"admin": False}, MINIMAL], ids=["all", "lean", "minimal"])
def test_what_pyproject_asks_for_is_locked(answers: dict[str, bool], baked: Bake) -> None:
    project = baked(**answers)
    content = tomllib.loads((project / "pyproject.toml").read_text())
    asked = {_name(entry) for entry in content["project"]["dependencies"]}
    developers = {
        _name(entry) for group in content["dependency-groups"].values() for entry in group
    }

    locked = {name: _locked_names(project / name) for name in dev.EXPORTS}

    assert asked <= locked["requirements.txt"]
    assert asked | developers <= locked["requirements-dev.txt"]
    assert not developers & locked["requirements.txt"]


def test_files_that_nobody_has_tested_are_taken_out_of_the_lock() -> None:
    kept = dev.keep_pinned_files(LOCKED, {"ours==1": {"sha256:aa", "sha256:bb"}})

    assert kept == LOCKED.replace('    { url = "added-later.whl", hash = "sha256:cc" },\n', "")


def test_a_package_without_any_tested_file_is_refused() -> None:
    with pytest.raises(SystemExit, match="other files of ours"):
        dev.keep_pinned_files(LOCKED, {"ours==1": {"sha256:ee"}})


def test_the_first_lock_holds_the_pinned_versions_and_files(installed: Path) -> None:
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


def test_uv_agrees_with_the_first_lock(installed: Path) -> None:
    lock = (installed / "uv.lock").read_bytes()
    uv = dev.find_uv()

    for arguments in (["lock", "--check"], ["run", "--no-dev", "--inexact", "app", "features"]):
        subprocess.run([uv, *arguments], cwd=installed, env=_uv_environment(), check=True)

    assert (installed / "uv.lock").read_bytes() == lock


def test_what_is_installed_is_not_installed_again(installed: Path) -> None:
    missing = {**environment(), "UV": "", "PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}

    done = _run([sys.executable, "dev.py", "app", "features"], installed, missing)

    assert done.returncode == 0
    assert done.stderr == ""


def test_locking_again_keeps_the_tested_versions(bake: Bake) -> None:
    project = bake()
    before = {name: dev.read_pins(project / name) for name in dev.EXPORTS}

    run_dev(project, "lock", "--no-upgrade")

    assert {name: dev.read_pins(project / name) for name in dev.EXPORTS} == before


def test_the_commands_for_pip_work(bake: Bake) -> None:
    project = bake()
    commands = re.findall(r"^  pip (install .+)$", str(dev.__doc__), re.MULTILINE)
    assert len(commands) == 2

    subprocess.run([sys.executable, "-m", "venv", ".venv"], cwd=project, check=True)
    for command in commands:
        pip = [".venv/bin/python", "-m", "pip", "--quiet", *command.split()]
        subprocess.run(pip, cwd=project, env=environment(), check=True)

    done = _run([".venv/bin/app", "features"], project, environment())
    assert "notes" in done.stdout


def test_a_check_that_fails_does_not_hide_the_next(installed: Path) -> None:
    (installed / "tests" / "untidy.py").write_text('"""Untidy."""\nimport   os\n')

    done = _run([sys.executable, "dev.py", "check", "format", "lint", "imports"], installed)

    (installed / "tests" / "untidy.py").unlink()
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "Failed: format, lint"
    assert "Check imports" in done.stderr


def test_a_uv_that_is_dead_or_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = next(iter(dev.read_pins(dev.PINNED_UV))).replace("==", "-")
    private = tmp_path / "cache" / "fireup" / version / "bin" / "uv"
    _write_script(tmp_path / "dead" / "uv", "echo uv: command not found >&2; exit 127")
    _write_script(tmp_path / "old", "echo uv 0.10.12")
    _write_script(private, "echo uv 0.13.0")
    monkeypatch.setenv("UV", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'dead'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    assert dev.find_uv() == str(private)


@pytest.mark.parametrize("words", [[], ["tests/features"], ["-n", "0"]])
def test_tests_run_on_every_processor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Also a chosen few; of two `-n`, pytest takes the last."""
    lines: list[list[str]] = []
    monkeypatch.setattr(dev, "install", lambda **_: None)
    monkeypatch.setattr(dev, "replace_process", lines.append)

    dev.test(words)

    assert [line[1:] for line in lines] == [["-m", "pytest", "-n", "auto", *words]]
    assert ("four minutes" in capsys.readouterr().err) == (not words)


def test_all_tests_of_the_template_begin_with_how_long_they_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fireup = _load(TEMPLATE / "fireup.py")
    told: list[str] = []
    monkeypatch.setattr(fireup, "install", lambda *_: None)
    monkeypatch.setattr(fireup, "_ours", lambda *_: ["pytest"])
    monkeypatch.setattr(fireup.subprocess, "call", lambda *_: told.append(capsys.readouterr().err))

    fireup.test([])

    assert "half an hour" in told[0]
    assert "a minute" in told[1]


def test_a_missing_network_is_told_in_a_sentence(
    bake: Bake, nothing_but_python: dict[str, str]
) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}

    done = _run(["python3", "dev.py", "run"], bake(), {**nothing_but_python, **offline})

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("Is there a network?")
    assert "Traceback" not in done.stderr


def test_an_old_python_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "OLDEST_PYTHON", (99, 1))

    with pytest.raises(SystemExit, match=r"^Python 99\.1 or newer is needed, and this is 3\."):
        dev.main(["run"])


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(SystemExit, match="cannot be written to"):
        dev.main(["app"])


@pytest.mark.parametrize("script", [PROJECT / "dev.py", TEMPLATE / "fireup.py"])
def test_help_explains_every_command(script: Path) -> None:
    done = _run([sys.executable, "-B", str(script), "--help"], script.parent)

    commands = ["test", "check", "lock", *(["run", "app"] if script.stem == "dev" else [])]
    assert all(f"python3 {script.name} {command} " in done.stdout for command in commands)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["license=GPL"], "write license=MIT or license=Ap", id="no-such-choice"),
        pytest.param(["pages=maybe"], "write pages=yes or pages=no", id="neither-yes-nor-no"),
        pytest.param(["project_name=class"], "project_slug=my_class", id="hook"),
        pytest.param(["color=red"], "questions are project_name, ", id="no-such-question"),
        pytest.param(["project_name={{ 7 * 7 }}"], "project_name holds one of", id="braces"),
        pytest.param(["description={% x %}"], "description holds one of", id="mark"),
        pytest.param(["./s", "project_slug=other"], "leave project_slug out", id="two-names"),
        pytest.param(["one", "two"], "two is one too many", id="two-folders"),
        pytest.param(["used"], "exists and is not empty", id="used-folder"),
    ],
)
def test_a_refusal_is_one_sentence_and_leaves_nothing(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()

    done = _fireup("--no-run", *arguments, cwd=tmp_path)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == [used]


def test_a_folder_gives_the_project_its_name(tmp_path: Path) -> None:
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
def test_any_folder_will_do_and_its_name_can_be_pasted(folder: str, tmp_path: Path) -> None:
    done = _fireup("--no-run", folder, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / folder / "dev.py").exists()
    command = done.stdout.splitlines()[1].strip()
    assert _run(["sh", "-c", f"{command} && pwd"], tmp_path).stdout == f"{tmp_path / folder}\n"


def test_a_home_that_cannot_be_written_to_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}

    done = _fireup("--no-run", "shop", cwd=tmp_path, env={**environment(), **home})

    assert done.returncode == 1
    assert "XDG_CACHE_HOME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_git_a_project_is_made(tmp_path: Path, nothing_but_python: dict[str, str]) -> None:
    _fireup("--no-run", "first", cwd=tmp_path)
    path = str(Path(nothing_but_python["PATH"].split(":")[0]))

    done = _fireup("--no-run", "second", cwd=tmp_path, env={**environment(), "PATH": path})

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "second" / "dev.py").exists()


def test_a_users_settings_for_cookiecutter_do_not_matter(tmp_path: Path) -> None:
    settings = tmp_path / "cookiecutterrc"
    settings.write_text("default_context: {project_name: Surprise, admin: false}\n")
    home = {"COOKIECUTTER_CONFIG": str(settings)}

    _fireup("--no-run", cwd=tmp_path, env={**environment(), **home})

    assert (tmp_path / "my_project" / "README.md").read_text().startswith("# My Project\n")
    assert (tmp_path / "my_project" / "app" / "admin").is_dir()


def test_the_first_command_serves_a_project_on_a_machine_with_nothing_but_python(
    tmp_path: Path, template: Path, nothing_but_python: dict[str, str]
) -> None:
    logs = [tmp_path.parent / "first.txt", tmp_path.parent / "again.txt"]
    first = ["python3", str(template / "fireup.py"), "shop"]
    again = ["python3", "dev.py", "run"]

    with running(first, tmp_path, logs[0], nothing_but_python) as server:
        email, password = server.credentials()
        login = Visitor(server.address).post_json(
            "/api/v1/auth/login", {"email": email, "password": password}
        )
        assert f"Sign in at {server.address}/login" in server.printed()
    project = tmp_path / "shop"
    kept = {name: (project / name).read_bytes() for name in (".env", "uv.lock")}
    with running(again, project, logs[1], nothing_but_python):
        pass

    assert login.status == 200
    assert "Install" not in logs[1].read_text()
    assert not [log for log in logs if "Traceback" in log.read_text()]
    assert {name: (project / name).read_bytes() for name in kept} == kept
    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_a_second_project_needs_no_network(
    tmp_path: Path, template: Path, nothing_but_python: dict[str, str]
) -> None:
    """All requests go to a proxy that is not there, addresses of packages unchanged."""
    fireup = ["python3", str(template / "fireup.py")]
    nowhere = dict.fromkeys(("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    at_once = {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    offline = {**nothing_but_python, **nowhere, "NO_PROXY": "", **at_once}
    log = tmp_path.parent / "offline.txt"

    none = _run([*fireup, "--no-run", "none"], tmp_path, offline)
    first = _run([*fireup, "--no-run", "first"], tmp_path, nothing_but_python)
    app = ["python3", "first/dev.py", "app", "features"]
    assert _run(app, tmp_path, nothing_but_python).returncode == 0, first.stderr
    with running([*fireup, "second"], tmp_path, log, offline) as server:
        assert Visitor(server.address).get("/health/ready").status == 200
        email, _ = server.credentials()

    assert none.stderr.splitlines()[-1].endswith("Is there a network?")
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
    """Return the package of a requirement: `a[b]>=1` is about a."""
    return re.split(r"[^\w-]", requirement)[0]
