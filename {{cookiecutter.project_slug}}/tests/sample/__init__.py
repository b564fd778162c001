"""A sample feature for the project's tests, so that you can remove every feature in `app/features`.

It is added to every app that the tests start in this process. Its table is not created by migrations.
"""

import sys
from importlib import import_module
from pathlib import Path

from app import features
from app.database.connection import open_database
from app.settings.config import DatabaseSettings
from tests.sample.sample_notes.models import TABLES

NAME = "sample_notes"


def add_to_app() -> None:
    """Make the feature discoverable: its modules can be imported from `app.features`, too."""
    folder = Path(__file__).parent
    features.__path__.append(str(folder))
    for name in ("", *(f".{path.stem}" for path in sorted((folder / NAME).glob("[a-z]*.py")))):
        sys.modules[f"{features.__name__}.{NAME}{name}"] = import_module(f"{__name__}.{NAME}{name}")


async def create_table(settings: DatabaseSettings) -> None:
    """Create the table in a migrated database."""
    async with open_database(settings) as database, database.write_engine.begin() as connection:
        await connection.run_sync(TABLES.create_all)
