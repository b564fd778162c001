"""`app client`: generate a client of the API for another language, with a generator that others maintain.

The generators are downloaded by npx and uv when they are first used, in exactly these versions.
"""

import shutil
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import dev
from app.commands.invocation import say
from app.commands.openapi import document_text

OPENAPI_TYPESCRIPT = "7.13.0"
TYPESCRIPT = "5.9.3"  # openapi-typescript requires TypeScript 5
OPENAPI_PYTHON_CLIENT = "0.29.1"

DOCUMENT = "openapi.json"
"""Written beside the client; a folder with this file may be overwritten."""


class Language(StrEnum):
    """Language of a client."""

    TYPESCRIPT = "typescript"
    PYTHON = "python"


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("client")(generate_client)


def generate_client(
    language: Annotated[Language, typer.Argument(help="typescript (needs Node.js) or python")],
    folder: Annotated[Path, typer.Argument(help="Folder to write, for example ../web/src/api")],
) -> None:
    """Generate a typed client of the API. Run it again when the API changes."""
    _check_folder(language, folder)
    command = _typescript_command() if language is Language.TYPESCRIPT else _python_command()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        written = Path(name, DOCUMENT)
        written.write_text(document_text(), encoding="utf-8", newline="\n")
        output = Path(name, folder.resolve().name)
        target = output / "schema.d.ts" if language is Language.TYPESCRIPT else output
        _run([argument.format(document=written, output=target) for argument in command])
        if language is Language.PYTHON:
            _pass_exceptions_to_httpx(output / "client.py")
        shutil.copytree(output, folder, dirs_exist_ok=True)
        shutil.copy(written, folder)
    say(f"Wrote {folder}. It needs {'openapi-fetch' if language is Language.TYPESCRIPT else 'httpx and attrs'}.")


def _check_folder(language: Language, folder: Path) -> None:
    """Exit if the folder has files that another tool or person wrote."""
    if folder.exists() and not folder.is_dir():
        sys.exit(f"app: {folder} is a file. Choose a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DOCUMENT).exists():
        sys.exit(f"app: {folder} has files that `app client` didn't write. Choose a new folder.")
    if language is Language.PYTHON and not folder.resolve().name.isidentifier():
        sys.exit(f"app: {folder.name} can't be imported. Choose a name with letters, digits and underscores.")


def _typescript_command() -> list[str]:
    npx = shutil.which("npx")
    if npx is None:
        sys.exit("app: npx was not found. Install Node.js, which includes it.")
    packages = [f"--package=openapi-typescript@{OPENAPI_TYPESCRIPT}", f"--package=typescript@{TYPESCRIPT}"]
    options = ["--output", "{output}", "--default-non-nullable", "false"]  # fields with a default can be omitted
    return [npx, "--yes", *packages, "--", "openapi-typescript", "{document}", *options]


def _python_command() -> list[str]:
    generator = ["tool", "run", f"openapi-python-client@{OPENAPI_PYTHON_CLIENT}", "generate", "--meta", "none"]
    return [dev.find_uv(), *generator, "--path", "{document}", "--output-path", "{output}", "--fail-on-warning"]


def _pass_exceptions_to_httpx(file: Path) -> None:
    """Change an annotation that mypy rejects: `__exit__` passes its arguments on, which are not any objects."""
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("*args: object", "*args: Any"), encoding="utf-8", newline="\n")


def _run(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=dev.environment()
    )
    if done.returncode:
        sys.exit(f"{done.stdout}app: the generator failed. It is downloaded when it is first used: is there a network?")
