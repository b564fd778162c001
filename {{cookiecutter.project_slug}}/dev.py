#!/usr/bin/env python3
"""Set up and run this project. Requires only Python; missing tools are installed.

  python3 dev.py run [ARGS]    install dependencies, create .env, the database and the first admin, then start the
                               development server with auto-reload; ARGS, such as --port 8001, are passed to `app serve`
  python3 dev.py test [ARGS]   install development dependencies, then run pytest with ARGS in parallel (-n auto;
                               override with -n NUMBER)
  python3 dev.py check [NAME]  run all checks, or only the named ones: format, lint, types, imports, migrations
  python3 dev.py lock          upgrade and lock dependencies in uv.lock and requirements*.txt; with --no-upgrade, lock
                               only changes in pyproject.toml
  python3 dev.py app [ARGS]    install dependencies, then run the project's command line, `app ARGS`

The first run installs the exact versions in requirements-dev.txt, verifies their hashes and writes uv.lock. Commit
uv.lock; later runs install from it.

After the first run you can use uv (0.11 or later) directly:
  run    uv run app serve --setup --reload
  test   uv run pytest -n auto
  lock   uv lock --upgrade, and uv export for each of requirements*.txt
  app    uv run app
To add a dependency: uv add NAME && python3 dev.py lock --no-upgrade

If uv is not on the PATH (or set in $UV), a private copy is installed in your cache folder and verified by hash.
Packages come from the index that pip and uv are configured to use.
To use pip only, create a virtual environment with `python3 -m venv .venv`, then run in it
  pip install --no-deps --require-hashes -r requirements-dev.txt
  pip install --no-deps --no-build-isolation -e .
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent
MIN_PYTHON = (3, 11)
MIN_UV = (0, 11)
PINNED_UV = ROOT / "requirements-uv.txt"
EXPORTS = {"requirements.txt": "--no-default-groups", "requirements-dev.txt": "--all-groups"}
HEADER = "# Locked with hashes by `python3 dev.py lock`: change pyproject.toml and lock again.\n"
# Commands of the project that format what they write, or check it.
WRITE_CODE = ("new", "add", "change", "rename", "remove", "destroy", "check", "db revision", "db merge")
# Arguments to Python; a check fails if any of its commands fails.
CHECKS = {
    "format": [["-m", "ruff", "format", "--check", "."]],
    "lint": [["-m", "ruff", "check", "."]],
    "types": [["-m", "mypy"]],
    "imports": [["-c", "from importlinter import cli; cli.lint_imports_command()"]],
    "migrations": [["-m", "app", "db", "upgrade"], ["-m", "app", "db", "check"]],
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    check_python_version()
    command, *rest = arguments or ["--help"]
    commands = {"run": run, "test": test, "check": check, "lock": lock, "app": app}
    if command in {"-h", "--help", "help"}:
        print(__doc__)
        return 0
    if command not in commands:
        sys.exit(f"Unknown command {command!r}. Commands: {', '.join(commands)}. See --help.")
    os.environ["DEV_PY"] = f"python3 {shlex.quote(os.path.relpath(__file__))}"  # for messages that show a command
    os.chdir(ROOT)
    try:
        return commands[command](rest)
    except KeyboardInterrupt:
        return 130


def check_python_version() -> None:
    """Exit with a clear message if Python is too old."""
    if sys.version_info < MIN_PYTHON:
        needed = ".".join(map(str, MIN_PYTHON))
        sys.exit(f"Python {needed} or later is required; this is {sys.version.split()[0]}.")


def run(arguments: Sequence[str]) -> int:
    """Install dependencies, set up the project and start the development server."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--port")
    port = parser.parse_known_args(arguments)[0].port
    if port:
        os.environ["SERVER_PORT"] = port  # so that `app setup` prints the same address
    install(developer=False)
    return replace_process([venv_python(), "-m", "app", "serve", "--setup", "--reload", *arguments])


def test(arguments: Sequence[str]) -> int:
    """Install everything and run the tests in parallel; `-n` or `--pdb` in the arguments overrides this."""
    install(developer=True)
    if not arguments:
        print("Run all tests (four minutes on two CPU cores in a new project) ...", file=sys.stderr, flush=True)
    return replace_process([venv_python(), "-m", "pytest", "-n", "auto", *arguments])


def app(arguments: Sequence[str]) -> int:
    """Install dependencies and run the project's command line; what writes code needs development dependencies."""
    install(developer=" ".join(arguments[:2]).startswith(WRITE_CODE))
    return replace_process([venv_python(), "-m", "app", *arguments])


def check(arguments: Sequence[str]) -> int:
    """Run all checks, or the named ones; continue after a failure."""
    unknown = set(arguments) - set(CHECKS)
    if unknown:
        sys.exit(f"Unknown check {unknown.pop()!r}. Checks: {', '.join(CHECKS)}.")
    install(developer=True)
    failed = []
    for name in arguments or CHECKS:
        with step(f"Check {name}"), tempfile.TemporaryDirectory() as folder:
            env = _temporary_database(folder) if name == "migrations" else environment()
            if any(subprocess.call([venv_python(), *line], env=env) for line in CHECKS[name]):
                failed.append(name)
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def lock(arguments: Sequence[str]) -> int:
    """Write uv.lock and the requirements files."""
    if set(arguments) - {"--no-upgrade"}:
        sys.exit("`lock` accepts only --no-upgrade.")
    uv = find_uv()
    with step("Lock"):
        if arguments and not Path("uv.lock").exists():
            lock_from_pins(uv)
        call_uv(uv, "lock", *([] if arguments else ["--upgrade"]))
        for path, groups in EXPORTS.items():
            write_requirements(path, uv, "export", "--no-emit-project", groups)
        if not arguments:
            universal = ["--universal", "--python-version=3.11", "--generate-hashes"]
            write_requirements(PINNED_UV.name, uv, "pip", "compile", *universal, "-", stdin="uv")
    return 0


def install(*, developer: bool) -> None:
    """Sync the virtual environment with the lock file; do nothing if it is up to date."""
    stamp = Path(venv_python()).parent.parent / "dev.stamp"
    words = stamp.read_text(encoding="utf-8").split() if stamp.exists() else []
    if words[:1] == [_fingerprint()] and (not developer or "developer" in words):
        return
    if not os.access(ROOT, os.W_OK):
        sys.exit(f"Can't write to {ROOT}. Change its permissions or copy the project elsewhere.")
    uv = find_uv()
    if not Path("uv.lock").exists():
        with step("Lock tested dependency versions in uv.lock"):
            lock_from_pins(uv)
    with step("Install dependencies into .venv (the first run takes about a minute)"):
        # Without --inexact, a run without developer tools would uninstall them.
        call_uv(uv, "sync", "--inexact", *([] if developer else ["--no-dev"]))
    stamp.write_text(f"{_fingerprint()} {'developer' * developer}\n", encoding="utf-8")


def find_uv() -> str:
    """Return a working uv that is recent enough; install a private copy if there is none."""
    name = "uv.exe" if os.name == "nt" else "uv"
    version = next(iter(read_pins(PINNED_UV))).replace("==", "-")
    private = cache_folder() / version / "bin" / name
    for candidate in (os.environ.get("UV"), shutil.which("uv"), str(private)):
        if candidate and _uv_version(candidate) >= MIN_UV:
            return candidate
    with step(f"Install {version} (no uv found on PATH)"):
        _download_uv(private.parent.parent)
    if _uv_version(str(private)) < MIN_UV:
        sys.exit(f"{private} does not run on this machine. Install uv manually.")
    return str(private)


def lock_from_pins(uv: str) -> None:
    """Write uv.lock with exactly the versions and files of requirements-dev.txt."""
    pins = read_pins(Path("requirements-dev.txt"))
    constraints = "".join(f"    {json.dumps(pin)},\n" for pin in pins)
    table = f"\n[tool.uv]\nconstraint-dependencies = [\n{constraints}]\n"
    pyproject = Path("pyproject.toml").read_text(encoding="utf-8")
    # uv locks under constraints only when pyproject.toml has them; locking again without them keeps
    # the versions that it finds in uv.lock.
    with tempfile.TemporaryDirectory() as folder:
        constrained = pyproject.replace("\n[tool.uv]\n", table, 1)
        Path(folder, "pyproject.toml").write_text(constrained, encoding="utf-8")
        call_uv(uv, "lock", "--project", folder)
        shutil.copy(Path(folder, "uv.lock"), "uv.lock")
    call_uv(uv, "lock")
    locked = Path("uv.lock").read_text(encoding="utf-8")
    Path("uv.lock").write_bytes(keep_pinned_files(locked, pins).encode())


def read_pins(path: Path) -> dict[str, set[str]]:
    """Read a requirements file: each `name==version ; marker` with the hashes of its files."""
    lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    parts = (line.split("--hash=") for line in lines if line[:1].isalnum())
    return {pin.strip(): {item.strip() for item in hashes} for pin, *hashes in parts}


def keep_pinned_files(locked: str, pins: Mapping[str, set[str]]) -> str:
    """Remove files from uv.lock whose hashes are not in the tested requirements."""
    tested: dict[str, set[str]] = {}
    for pin, hashes in pins.items():
        tested.setdefault(pin.split("==")[0], set()).update(hashes)
    packages = re.split(r"^(?=\[\[package\]\]$)", locked, flags=re.MULTILINE)
    return "".join(_keep_tested(package, tested) for package in packages)


def call_uv(uv: str, *arguments: str) -> None:
    """Run uv in the project, and stop when it fails."""
    line = [uv, "--quiet", *arguments]
    done = subprocess.run(line, env=environment(), stderr=subprocess.PIPE, check=False)
    # Without network access, uv's cache may be enough.
    if done.returncode and subprocess.call([*line, "--offline"], env=environment(), stderr=subprocess.DEVNULL):
        sys.stderr.buffer.write(done.stderr)
        sys.exit(f"`uv {arguments[0]}` failed; see the output above. Check your network connection.")


def write_requirements(name: str, uv: str, *arguments: str, stdin: str = "") -> None:
    """Write uv's output to a requirements file, without index URLs."""
    plain = ["--quiet", "--no-header", "--no-annotate"]
    done = subprocess.run(
        [uv, *arguments, *plain],
        input=stdin.encode(),
        env=environment(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        sys.exit(f"uv could not export {name}; see the output above.")
    Path(name).write_bytes(HEADER.encode() + done.stdout.replace(b"\r\n", b"\n"))


def environment() -> dict[str, str]:
    """Return environment variables for uv and the tools: this Python, the system's CA certificates."""
    ours = {"UV_PYTHON": sys.executable, "UV_SYSTEM_CERTS": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    return {**ours, **{key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}}


def cache_folder() -> Path:
    """Return this tool's folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base or Path.home() / ".cache") / "fireup"


def create_cache_folder() -> Path:
    """Create the cache folder, or exit if it is not writable."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        sys.exit(f"Can't write to {folder} ({error.strerror}). Set XDG_CACHE_HOME to a writable folder.")
    return folder


def venv_python(folder: Path | None = None) -> str:
    """Return the Python of a virtual environment, by default the project's."""
    venv = folder or ROOT / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
    return str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def replace_process(line: list[str]) -> int:
    """Replace this process with the program, so that it receives signals; on Windows, run it and wait."""
    if os.name != "nt":
        os.execve(line[0], line, environment())  # noqa: S606 - no shell needed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(line, env=environment())


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step and then its duration."""
    print(f"{title} ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    print(f"{title}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def _fingerprint() -> str:
    """Hash everything the installation depends on."""
    files = [Path(name) for name in ("pyproject.toml", "uv.lock")]
    parts = [path.read_bytes() for path in files if path.exists()]
    return hashlib.sha256(repr([sys.base_prefix, str(ROOT), *parts]).encode()).hexdigest()


def _uv_version(candidate: str) -> tuple[int, ...]:
    """Return the version of a uv executable; () if it doesn't work, for example a broken shim."""
    try:
        printed = subprocess.check_output([candidate, "--version"], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.match(rb"uv (\d+)\.(\d+)", printed)
    return tuple(map(int, found.groups())) if found else ()


def _download_uv(target: Path) -> None:
    """Install the pinned uv into a folder with this Python's pip, or with that of a temporary venv."""
    with tempfile.TemporaryDirectory(dir=create_cache_folder()) as folder:
        python = sys.executable if importlib.util.find_spec("pip") else _create_venv(folder)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        checked = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(PINNED_UV)]
        # The user's pip configuration may conflict with --target.
        env = {**environment(), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        if subprocess.call([*pip, *checked, "--target", f"{folder}/uv"], env=env):
            sys.exit("pip could not install uv; see the output above. Check your network connection.")
        with contextlib.suppress(OSError):  # another process installed it first
            Path(folder, "uv").rename(target)


def _create_venv(folder: str) -> str:
    if subprocess.call([sys.executable, "-m", "venv", f"{folder}/venv"], stdout=subprocess.DEVNULL):
        sys.exit("This Python has neither pip nor venv. Install one of them, or uv.")
    return venv_python(Path(folder, "venv"))


def _keep_tested(package: str, tested: Mapping[str, set[str]]) -> str:
    name = re.search(r'^name = "(.+)"$', package, re.MULTILINE)
    if name is None or name[1] not in tested:
        return package
    lines = package.splitlines(keepends=True)
    hashes = [re.search(r'hash = "(.+?)"', line) for line in lines]
    kept = [not found or found[1] in tested[name[1]] for found in hashes]
    if not any(found and keep for found, keep in zip(hashes, kept, strict=True)):
        sys.exit(f"The package index has none of the tested files of {name[1]}.")
    return "".join(line for line, keep in zip(lines, kept, strict=True) if keep)


def _temporary_database(folder: str) -> dict[str, str]:
    ours = {"DATABASE_URL": f"sqlite+aiosqlite:///{folder}/check.db", "DATABASE_PASSWORD": ""}
    return {**environment(), **ours, "SECRET_KEY": secrets.token_urlsafe(48)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
