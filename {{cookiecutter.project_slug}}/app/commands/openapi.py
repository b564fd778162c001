"""`app openapi`: write the OpenAPI document, or check that a file of it is up to date."""

import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.invocation import as_invoked, say
from app.main import create_app
from app.settings.config import Environment, Settings, load_settings

_MAX_DIFFERENCES = 20


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("openapi")(write_openapi)


def write_openapi(
    file: Annotated[Path | None, typer.Argument(help="Path of the file (default: standard output)")] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Fail if FILE is out of date, and list what differs")] = False,
) -> None:
    """Write the OpenAPI document as JSON. It depends only on the code, not on settings."""
    text = document_text()
    if file is None:
        if check:
            sys.exit("app: --check needs the file, for example `app openapi --check openapi.json`.")
        typer.echo(text, nl=False)
    elif check:
        _check(file, text)
    else:
        file.write_text(text, encoding="utf-8", newline="\n")
        say(f"Wrote {file}.")


def document_text() -> str:
    """Return the OpenAPI document, the same on every machine: the settings it shows have their defaults."""
    defaults: dict[str, Any] = {
        "environment": Environment.DEVELOPMENT,
        "project_name": Settings.model_fields["project_name"].default,
        "secret_key": secrets.token_hex(),
        "base_url": "http://127.0.0.1:8000",
    }
    document = create_app(load_settings(**defaults)).openapi()
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _check(file: Path, text: str) -> None:
    """Exit if the file has another content."""
    written = file.read_text(encoding="utf-8")
    if written == text:
        say(f"{file} is up to date.")
        return
    try:
        found = [*_differences(json.loads(written), json.loads(text))] or ["only its formatting differs"]
    except ValueError:
        found = ["it is not JSON"]
    more = [f"and {len(found) - _MAX_DIFFERENCES} more"] * (len(found) > _MAX_DIFFERENCES)
    lines = "\n".join(f"  {line}" for line in [*found[:_MAX_DIFFERENCES], *more])
    sys.exit(as_invoked(f"app: {file} is out of date:\n{lines}\nRun `app openapi {file}`."))


def _differences(old: Any, new: Any, *path: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield what was added, removed or changed, by its path in the document."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield f"changed: {' '.join(path)}"
        return
    for key in dict.fromkeys([*old, *new]):
        if key in old and key in new:
            yield from _differences(old[key], new[key], *path, key)
        else:
            yield f"{'removed' if key in old else 'added'}: {' '.join((*path, key))}"
