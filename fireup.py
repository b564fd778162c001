#!/usr/bin/env python3
"""Generate a project and run it. Requires only Python.

  python3 fireup.py [FOLDER] [--no-run] [--port N] [OPTION=VALUE ...]
      generate a project in FOLDER (default: ./my_project), named after the folder, then install
      and serve it; --no-run only generates it; the options are those of cookiecutter.json, for
      example admin=no

For working on the template itself:
  python3 fireup.py test [ARGS]   run the tests in tests/, including those of generated projects;
                                  pytest gets ARGS; without ARGS, run all tests on all CPU cores
  python3 fireup.py prove NAME    run a long proof: backup, compose, failures, floods,
                                  jobs, load, look, screenshots or systemd
  python3 fireup.py behaviours    run the tests of a new project and show which ones cover each
                                  behavior in docs/behaviours.md; --collect lists without running
  python3 fireup.py check         lint and type-check the template and the project inside it
  python3 fireup.py lock          lock the latest versions, for the template and for the project

With cookiecutter instead: run `cookiecutter URL`, then `python3 dev.py run` in the new folder.
Tools are installed in your cache folder; every file is verified by hash.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

TEMPLATE = Path(__file__).resolve().parent
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
PROOFS = (
    *("backup", "compose", "failures", "floods", "jobs", "load", "look", "screenshots"),
    "systemd",
)
# Maps the cookiecutter condition that a requirement depends on to answers that exclude it.
GUARDS = {
    "cookiecutter.admin": {"admin": "no"},
    "cookiecutter.deploy": {"deploy": "no"},
}


def _load(path: Path) -> ModuleType:
    """Load a script of the template without writing bytecode next to it."""
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        sys.exit(f"{path} is missing. Clone the template again.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dev = _load(PROJECT / "dev.py")  # finds uv
dev.check_python_version()
hook = _load(TEMPLATE / "hooks/pre_gen_project.py")  # validates answers


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if {"-h", "--help", "help"} & set(arguments[:1]):
        print(__doc__)
        return 0
    commands = {
        "test": test,
        "prove": prove,
        "behaviours": behaviours,
        "check": check,
        "lock": lock,
    }
    command = commands.get(arguments[0]) if arguments else None
    try:
        return command(arguments[1:]) if command else create(arguments)
    except KeyboardInterrupt:
        return 130


def create(arguments: Sequence[str]) -> int:
    """Generate a project and, without `--no-run`, run it."""
    parser = argparse.ArgumentParser(usage="see python3 fireup.py --help", add_help=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--no-run", action="store_true")
    parser.add_argument("--port", default="8000")
    options = parser.parse_intermixed_args(arguments)
    answers = dict(word.split("=", 1) for word in options.words if "=" in word)
    folders = [Path(word).resolve() for word in options.words if "=" not in word]
    if len(folders) > 1:
        sys.exit(f"Expected one FOLDER, got {', '.join(folder.name for folder in folders)}.")
    project = generate(folders[0] if folders else None, answers)
    if options.no_run:
        place = shlex.quote(str(project))
        print(f"Created {project}. To run it:\n  cd {place}\n  python3 dev.py run")
        return 0
    line = [sys.executable, str(project / "dev.py"), "run", "--port", options.port]
    return int(dev.replace_process(line))


def test(arguments: Sequence[str]) -> int:
    """Run the template's tests: all of them in parallel, or the selected ones in one process."""
    if arguments:
        return _run_ours("pytest", arguments)
    install(PROJECT / "requirements-dev.txt")  # before parallel tests need it
    pytest = _ours("pytest")
    # -v, because the first tests take minutes each.
    with dev.step("Run the tests in parallel (forty minutes on two CPU cores)"):
        together = subprocess.call([*pytest, "-v", "-n", "auto", "-m", "not alone"])
    with dev.step("Run the timing tests serially (a minute)"):
        measured = subprocess.call([*pytest, "-v", "-m", "alone"])
    return together or measured


def prove(arguments: Sequence[str]) -> int:
    """Run one of the proofs, which take too long for the tests."""
    if not arguments or arguments[0] not in PROOFS:
        sys.exit(f"Expected the name of a proof: {', '.join(PROOFS)}.")
    return _run_ours(f"proofs.{arguments[0]}", arguments[1:])


def behaviours(arguments: Sequence[str]) -> int:
    """Show which tests cover each behavior in docs/behaviours.md."""
    return _run_ours("tests.behaviours", arguments)


def check(arguments: Sequence[str]) -> int:
    """Lint and type-check the template and the project inside it."""
    if arguments:
        sys.exit("`check` takes no arguments.")
    ours = install(TEMPLATE / "requirements-dev.txt")
    theirs = install(PROJECT / "requirements-dev.txt")
    types = ["-m", "mypy", "--cache-dir", str(dev.cache_folder() / "mypy")]
    imports = ["-c", "from importlinter import cli; cli.lint_imports_command()", "--no-cache"]
    checks = {
        "format": (TEMPLATE, [ours, "-m", "ruff", "format", "--no-cache", "--check", "."]),
        "lint": (TEMPLATE, [ours, "-m", "ruff", "check", "--no-cache", "."]),
        "types of the template": (TEMPLATE, [ours, *types]),
        "types of the project": (PROJECT, [theirs, *types]),
        "imports of the project": (PROJECT, [theirs, *imports]),
    }
    failed = []
    for name, (folder, line) in checks.items():
        with dev.step(f"Check {name}"):
            env = {**dev.environment(), "PYTHONDONTWRITEBYTECODE": "1"}
            if subprocess.call(line, cwd=folder, env=env):
                failed.append(name)
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def lock(arguments: Sequence[str]) -> int:
    """Write the requirements files of the template and of the project."""
    with tempfile.TemporaryDirectory() as name:
        own = Path(name, "own")
        own.mkdir()
        for path in (TEMPLATE / "pyproject.toml", *TEMPLATE.glob("requirements*.txt")):
            shutil.copy(path, own)
        _lock_in(own, arguments)
        for file in dev.EXPORTS:
            text = (own / file).read_text(encoding="utf-8").replace("dev.py", "fireup.py")
            _write(TEMPLATE / file, text)
        full = generate(Path(name, "full"), {})
        _lock_in(full, arguments)
        _write(PROJECT / dev.PINNED_UV.name, (full / dev.PINNED_UV.name).read_text())
        leaner = [
            generate(Path(name, f"leaner_{number}"), dict(answers))
            for number, answers in enumerate(GUARDS.values())
        ]
        for folder in leaner:
            for file in dev.EXPORTS:
                shutil.copy(full / file, folder)
            _lock_in(folder, ["--no-upgrade"])
        for file in dev.EXPORTS:
            _write(PROJECT / file, guard(full / file, [folder / file for folder in leaner]))
    return 0


def guard(full: Path, leaner: Sequence[Path]) -> str:
    """Return the full requirements; wrap those missing from a leaner file in its condition."""
    text = full.read_text(encoding="utf-8")
    head, *blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
    kept = [set(dev.read_pins(path)) for path in leaner]
    groups: dict[str | None, list[str]] = {None: [], **{condition: [] for condition in GUARDS}}
    for block in blocks:
        pin = block.split("\\")[0].strip()
        missing = (
            condition for condition, pins in zip(GUARDS, kept, strict=True) if pin not in pins
        )
        groups[next(missing, None)].append(block)
    unconditional = groups.pop(None)
    conditional = (
        f"# {{%- if {condition} +%}}\n{''.join(group)}# {{%- endif +%}}\n"
        for condition, group in groups.items()
    )
    return "".join([head, *unconditional, *conditional])


def generate(folder: Path | None, answers: dict[str, str]) -> Path:
    """Generate a project in `folder`, by default in the current directory under its slug."""
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    if folder:
        _reject_used(folder)
        if "project_slug" in answers:
            sys.exit(f"Pass either FOLDER or project_slug, not both: {folder} names the folder.")
        slug = hook.suggest_slug(folder.name)
        answers = {"project_name": _name_from(folder), **answers, "project_slug": slug}
    _check(answers, questions)
    parent = folder.parent if folder else Path.cwd()
    python = install(TEMPLATE / "requirements.txt")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=parent, prefix=".fireup-")
    except OSError as error:
        sys.exit(f"Can't write to {parent} ({error.strerror}). Choose another FOLDER.")
    with scratch as name:
        generated = _run_cookiecutter(python, Path(name), answers)
        target = folder or parent / generated.name
        _reject_used(target)
        if target.exists():
            target.rmdir()
        generated.rename(target)
    return target


def _check(answers: dict[str, str], questions: dict[str, Any]) -> None:
    """Validate the answers, because cookiecutter raises a traceback or evaluates them as code."""
    known = [name for name in questions if not name.startswith("_")]
    for question, given in answers.items():
        if question not in known:
            sys.exit(f"Unknown option {question!r}. Options: {', '.join(known)}.")
        choices, answer = questions[question], given
        if isinstance(choices, bool):
            choices, answer = ["yes", "no"], {"true": "yes", "false": "no"}.get(given, given)
        if isinstance(choices, list) and answer not in choices:
            instead = " or ".join(f"{question}={choice}" for choice in choices)
            sys.exit(f"Invalid value {question}={given}. Use {instead}.")
    valid = {
        "project_name": "Shop",
        "description": "A shop.",
        "author": "Ada",
        "project_slug": "shop",
    }
    if message := hook.validation_error({**valid, **answers}):
        sys.exit(message)


def install(requirements: Path) -> str:
    """Return the Python of a cached virtual environment with exactly these packages."""
    wanted = requirements.read_bytes() + sys.base_prefix.encode() + sys.version.encode()
    folder = dev.create_cache_folder() / f"venv-{hashlib.sha256(wanted).hexdigest()[:16]}"
    python = str(dev.venv_python(folder))
    stamp = folder / "complete"
    if not stamp.exists():
        uv = dev.find_uv()
        with dev.step(f"Install {requirements.relative_to(TEMPLATE)}"):
            here = ["--directory", str(TEMPLATE)]
            dev.call_uv(uv, "venv", *here, "--clear", str(folder))
            checked = ["--require-hashes", "--python", python, str(requirements)]
            dev.call_uv(uv, "pip", "sync", *here, *checked)
        stamp.touch()
    return python


def _run_ours(module: str, arguments: Sequence[str]) -> int:
    """Replace this process with a module run in the template's environment."""
    return int(dev.replace_process([*_ours(module), *arguments]))


def _ours(module: str) -> list[str]:
    """Change to the template's folder; return the command that runs a module of its tools."""
    python = install(TEMPLATE / "requirements-dev.txt")
    os.environ["UV"] = dev.find_uv()
    os.chdir(TEMPLATE)
    return [python, "-B", "-m", module]


def _run_cookiecutter(python: str, scratch: Path, answers: dict[str, str]) -> Path:
    """Run cookiecutter non-interactively and without the user's own configuration."""
    config = scratch / "config.json"  # JSON is YAML too
    folders = {"replay_dir": str(scratch / "replay"), "cookiecutters_dir": str(scratch)}
    config.write_text(json.dumps(folders), encoding="utf-8")
    quiet = ["--no-input", "--config-file", str(config), "--output-dir", str(scratch / "out")]
    words = [f"{question}={answer}" for question, answer in answers.items()]
    done = subprocess.run(
        [python, "-B", "-m", "cookiecutter", *quiet, str(TEMPLATE), *words],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**dev.environment(), "PYTHONUTF8": "1"},
    )
    if done.returncode:
        # The last line is the hook's message or the exception.
        lines = done.stdout.strip().splitlines() or [
            "cookiecutter failed without an error message."
        ]
        sys.exit(re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1]))
    return next((scratch / "out").iterdir())


def _reject_used(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        sys.exit(
            f"{folder} already exists and is not empty. Run its dev.py, or choose another FOLDER."
        )


def _name_from(folder: Path) -> str:
    """Turn the folder name `my_shop` into `My Shop`; keep a name with capitals unchanged."""
    printable = (letter for letter in folder.name if letter.isprintable())
    words = re.sub(rf"[-_\s{re.escape(hook.FORBIDDEN)}]+", " ", "".join(printable)).strip()
    words = words[: hook.MAX_LENGTH["project_name"]].strip() or "My Project"
    return words.title() if words.islower() else words


def _lock_in(folder: Path, arguments: Sequence[str]) -> None:
    os.chdir(folder)
    dev.lock(arguments)
    os.chdir(TEMPLATE)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
