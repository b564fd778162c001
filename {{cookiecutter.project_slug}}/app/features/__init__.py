"""Features: each package in here is a feature, and its modules are discovered by name.

    models.py       tables; imported for the migrations
    permissions.py  permissions that roles can grant: a subclass of `BasePermission`
    routes.py       `router: APIRouter`, mounted under /api/v1 unless its prefix starts with /api/
    live.py         `router: APIRouter`, mounted in front of it: streams of changes (`app/live`)
    pages.py        `router: APIRouter`, mounted at /; optionally `nav: NavItem` for the main navigation, with
                    `latest` to list the user's latest rows on the home page, and
                    `account_nav_item: NavItem` for the navigation of the account pages, and `section: Section` for
                    the page of another feature's row
    admin.py        `views: list` of admin views; without it, each model gets a default view; optionally
                    `inlines: list` for the views of other features
    login.py        `second_factor: SecondFactor`, a step between password and session
    bearer.py       `scheme: BearerScheme`, another type of bearer token
    jobs.py         functions with `@job`, which run outside the request (`app/jobs`)
    cleanup.py      `task: CleanupTask`, run once a day and by `app cleanup`
    seeds.py        `seeds: Seeds`, example rows that `app seed` adds
    templates/      templates of pages and, in `mails/`, of emails

`app/main.py` mounts what is found. `app features` lists it.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.orm import Mapper, configure_mappers

import app.accounts.models  # noqa: F401 - features' models refer to users by name
from app.database.base import Base

T = TypeVar("T")


class InvalidFeature(TypeError):
    """A feature module doesn't define the expected object, or the models can't be configured."""


def list_features() -> list[str]:
    """List the features, in alphabetical order."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if info.ispkg)


def import_modules(name: str) -> Iterator[ModuleType]:
    """Import `<feature>.<name>` for every feature that has it, in alphabetical order."""
    for feature in list_features():
        module = f"{__name__}.{feature}.{name}"
        if find_spec(module):
            yield importlib.import_module(module)


@event.listens_for(Mapper, "before_configured")
def _complete_models() -> None:
    """Import the models of all features before one is used: they refer to each other, and a script may import one."""
    if any(mapper.class_.__module__.startswith(f"{__name__}.") for mapper in Base.registry.mappers):
        _import_models()


def _import_models() -> None:
    for _ in import_modules("models"):
        pass


def load_models() -> None:
    """Import the models of all features and configure their relationships.

    Raises:
        InvalidFeature: naming the model, when SQLAlchemy can't configure it.
    """
    try:
        _import_models()
        configure_mappers()
    except (ArgumentError, InvalidRequestError) as error:
        named = re.findall(r"relationship (\w+)\.", str(error))
        tables = [mapper.local_table for mapper in Base.registry.mappers if mapper.class_.__name__ in named]
        keys = sorted(f"{key.parent} → {key.target_fullname}" for table in tables for key in table.foreign_keys)
        message = f"SQLAlchemy can't configure the models: {error} {'Foreign keys: ' if keys else ''}{', '.join(keys)}"
        raise InvalidFeature(message) from error


def load_permissions() -> None:
    """Import the permissions of all features, so that roles and API keys can have them."""
    for _ in import_modules("permissions"):
        pass


def load_jobs() -> None:
    """Import the jobs of all features, so that this process can run them."""
    for _ in import_modules("jobs"):
        pass


def models_without(name: str) -> list[type[Base]]:
    """List the models, except those with a composite key, of features without the module `<feature>.<name>`."""
    return [
        value
        for module in import_modules("models")
        if not find_spec(f"{module.__package__}.{name}")
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
        if issubclass(value, Base) and hasattr(value, "__table__") and len([*value.__table__.primary_key]) == 1
    ]


def read_exports(module: str, attribute: str, expected_type: type[T]) -> list[T]:
    """Return the typed object that every `<feature>.<module>` must define.

    Raises:
        InvalidFeature: when a module doesn't define it.
    """
    return [_check_type(loaded, attribute, expected_type) for loaded in import_modules(module)]


def read_optional_exports(module: str, attribute: str, expected_type: type[T]) -> list[T]:
    """Return the typed object that a `<feature>.<module>` may define.

    Raises:
        InvalidFeature: when an object has another type.
    """
    return [
        _check_type(loaded, attribute, expected_type) for loaded in import_modules(module) if hasattr(loaded, attribute)
    ]


def find_template_folders() -> list[Path]:
    """List the `templates/` of the features that have one."""
    folders = [Path(path, feature, "templates") for feature in list_features() for path in __path__]
    return [folder for folder in folders if folder.is_dir()]


def _check_type(loaded: ModuleType, attribute: str, expected_type: type[T]) -> T:
    value = getattr(loaded, attribute, None)
    if not isinstance(value, expected_type):
        message = f"{loaded.__name__} must define `{attribute}: {expected_type.__name__}`"
        raise InvalidFeature(message)
    return value
