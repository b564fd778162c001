"""`app routes`, `app features` and `app settings`: list what the project consists of."""

import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import typer
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.routing import Mount, Route, WebSocketRoute

from app import features
from app.main import create_app
from app.settings.config import all_settings, load_settings, variable_names
from app.settings.sources import read_env_file, read_platform_port, read_secret_files

_IS_SECRET = re.compile(r"pass|secret|token|key", re.IGNORECASE)

FEATURE_MODULES = (
    "models",
    "permissions",
    "routes",
    "live",
    "pages",
    "admin",
    "login",
    "bearer",
    "jobs",
    "cleanup",
    "seeds",
)


def add_to(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command("routes")(list_routes)
    cli.command("features")(list_features)
    cli.command("settings")(list_settings)


def list_routes() -> None:
    """List all routes with their source location."""
    for methods, path, source in sorted(_routes(create_app()), key=lambda row: row[1]):
        typer.echo(f"{methods:<12} {path:<40} {source}")


def list_features(
    *,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the generated resources as a file for `app new resources`")
    ] = False,
) -> None:
    """List the features and their modules."""
    if schema:
        if not find_spec("scaffold"):  # a development tool: not in the image
            sys.exit("app: --schema needs the folder scaffold/, which this installation doesn't have.")
        resource_file = import_module("scaffold.resource_file")
        typer.echo(resource_file.schema_text(resource_file.Project()), nl=False)
        return
    for name in features.list_features():
        package = f"{features.__name__}.{name}"
        found = [module for module in FEATURE_MODULES if find_spec(f"{package}.{module}")]
        typer.echo(f"{name:<20} {' '.join(found)}")


def list_settings(
    *,
    example: Annotated[bool, typer.Option("--example", help="Print the contents of .env.example")] = False,
) -> None:
    """List all settings with their values (secrets masked) and sources."""
    if example:
        typer.echo(env_example(), nl=False)
        return
    settings = load_settings()
    sources: dict[str, Mapping[str, str | None]] = {
        "environment": {name.lower(): value for name, value in os.environ.items() if value},
        ".env": read_env_file(variable_names()),
        "secrets directory": read_secret_files(),
        "PORT": read_platform_port(),
        "default": dict.fromkeys(map(str.lower, variable_names())),
    }
    width = max(map(len, variable_names()))
    for setting in all_settings():
        value = masked_value(setting.value_in(settings))
        source = next(name for name, values in sources.items() if setting.variable.lower() in values)
        typer.echo(f"{setting.variable:<{width}} {value:<50} {source}")


def env_example() -> str:
    """Return `.env.example`: all settings with descriptions and defaults."""
    lines = [
        "# All settings and their defaults. Copy those you change to .env. `app settings` shows the values in use."
    ]
    for setting in all_settings():
        text = "" if setting.field.is_required() else env_value(setting.default)
        lines += ["", f"# {' '.join((setting.field.description or '').split())}", f"# {setting.variable}={text}"]
    return "\n".join(lines) + "\n"


def masked_value(value: Any) -> str:  # noqa: ANN401 - any type a setting has
    """Format a value for display; mask secrets and passwords in URLs."""
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple) and any(isinstance(item, SecretStr) for item in value):
        return ",".join("********" for _ in value)
    return mask_password(env_value(value))


def mask_password(text: str) -> str:
    """Mask passwords in a URL, in the user part and in the query parameters."""
    scheme, separator, rest = text.partition("://")
    credentials, at, location = rest.rpartition("@")
    user = re.split(r"[:/?]", credentials, maxsplit=1)[0]
    address, mark, query = location.partition("?")
    parameters = [part.partition("=") for part in query.split("&")]
    masked = [
        f"{name}=********" if _IS_SECRET.search(unquote(name)) else f"{name}{equals}{value}"
        for name, equals, value in parameters
    ]
    login = f"{user}:********@" if user != credentials else f"{credentials}{at}"
    return f"{scheme}{separator}{login}{address}{mark}{'&'.join(masked)}" if separator else text


def env_value(value: Any) -> str:  # noqa: ANN401 - any type a setting has
    """Format a value as an environment variable, including secrets."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        if value % timedelta(seconds=1):
            return f"{value // timedelta(milliseconds=1)}ms"
        seconds = int(value.total_seconds())
        for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
            if seconds and seconds % size == 0:
                return f"{seconds // size}{unit}"
        return str(seconds)
    if isinstance(value, tuple):
        return ",".join(value)
    text = "" if value is None else str(value)
    return text.lower() if isinstance(value, bool) else text


def _routes(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    for route in iter_route_contexts(app.routes):
        original = route.original_route
        if isinstance(original, Mount):
            yield "MOUNT", f"{original.path}/…", type(original.app).__name__
        elif isinstance(original, Route):
            methods = ",".join(sorted((route.methods or set()) - {"HEAD"}))
            yield methods, route.path or "", _source(original.endpoint)
        elif isinstance(original, WebSocketRoute):
            yield "WEBSOCKET", route.path or "", _source(original.endpoint)


def _source(endpoint: Any) -> str:  # noqa: ANN401 - a function or a callable object
    function = inspect.unwrap(endpoint)
    file = Path(inspect.getsourcefile(function) or "?")
    line = function.__code__.co_firstlineno if inspect.isfunction(function) else 0
    root = Path(features.__file__).parents[2]
    return f"{file.relative_to(root) if file.is_relative_to(root) else file.name}:{line}"
