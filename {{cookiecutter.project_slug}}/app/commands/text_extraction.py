"""Collect the texts that can be translated: those in `gettext` and its relatives, in Python and in templates.

Texts that the app shows by itself need no mark: titles of problems, descriptions of permissions, choices, and labels of
the admin.
"""

import inspect
import secrets
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tokenize import TokenError

from babel.messages.extract import DEFAULT_KEYWORDS, extract
from jinja2 import TemplateSyntaxError
from pydantic import SecretStr

from app import features
from app.accounts.permissions import BasePermission
from app.commands import catalogs
from app.commands.catalogs import StableCatalog, list_parts, new_catalog
from app.database.titles import enum_label
from app.errors import Problem
from app.main import create_app
from app.settings.config import Settings

_KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_noop": None}
_JINJA = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
_SHARED = ("app", "app/web")
"""Parts that every feature with pages needs: what they have isn't repeated in the catalogs of features."""


class InvalidSource(ValueError):
    """A file that has texts can't be parsed."""


def extract_texts() -> dict[str, StableCatalog]:
    """Return the texts of each part, in the order of its files.

    Raises:
        InvalidSource: if a template or module has a syntax error.
    """
    parts = list_parts()
    found = {part: new_catalog(part) for part in parts}
    for path in sorted((catalogs.ROOT / "app").rglob("*")):
        if path.suffix == ".py" or (path.suffix in {".html", ".txt"} and "templates" in path.parts):
            name = path.relative_to(catalogs.ROOT).as_posix()
            for text, comments, context in _texts_in(path):
                found[_part_of(name, parts)].add(text, locations=[(name, 0)], auto_comments=comments, context=context)
    for module, text in _unmarked_texts():
        name = f"{module.replace('.', '/')}.py"
        if (catalogs.ROOT / name).exists():
            found[_part_of(name, parts)].add(text, locations=[(name, 0)])
    for text, module in _admin_labels().items():
        name = f"{module.replace('.', '/')}.py"
        if (catalogs.ROOT / name).exists() and text not in found["app/admin"]:
            found[_part_of(name, parts)].add(text, locations=[(name, 0)])
    shared = [message for part in _SHARED if part in found for message in found[part] if message.id]
    for part in parts:
        for message in shared if part.startswith("app/features/") else ():
            found[part].delete(message.id, message.context)
    return found


def _part_of(name: str, parts: list[str]) -> str:
    return max((part for part in parts if name.startswith(f"{part}/")), key=len)


def _texts_in(path: Path) -> Iterator[tuple[str | tuple[str, ...], list[str], str | None]]:
    """Yield the marked texts of a file, with the comments for translators and the context."""
    content = path.read_bytes()
    method, options = ("python", {}) if path.suffix == ".py" else ("jinja2.ext:babel_extract", _JINJA)
    try:
        for _, text, comments, context in extract(method, BytesIO(content), _KEYWORDS, ["Translators:"], options):
            yield text, comments, context
    except (TemplateSyntaxError, SyntaxError, TokenError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        name = path.relative_to(catalogs.ROOT).as_posix()
        raise InvalidSource(f"{name}{f':{line}' if line else ''}: {error}.") from error


def _unmarked_texts() -> Iterator[tuple[str, str]]:
    """Yield the texts that need no mark, with the name of their module."""
    for name in ("service", "permissions", "routes", "pages"):
        for _ in features.import_modules(name):
            pass
    for problem in _subclasses(Problem):
        if "title" in vars(problem):
            yield problem.__module__, problem.title
    for group in BasePermission.__subclasses__():
        yield from ((group.__module__, permission.description) for permission in group if permission.description)
    for module in features.import_modules("models"):
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Enum) and value.__module__ == module.__name__:
                yield from ((module.__name__, enum_label(member.value)) for member in value)


def _admin_labels() -> dict[str, str]:
    """Return the labels of views, fields and actions of the admin, with their modules, those of the admin first."""
    if find_spec("app.admin") is None:
        return {}
    create_app(Settings(secret_key=SecretStr(secrets.token_urlsafe(48))))  # creates the views
    labels: dict[str, str] = import_module("app.admin.base.labels").LABELS
    return dict(sorted(labels.items(), key=lambda item: not item[1].startswith("app.admin")))


def _subclasses(parent: type[Problem]) -> Iterator[type[Problem]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)
