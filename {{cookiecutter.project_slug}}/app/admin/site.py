"""Where the admin part is mounted."""

from fastapi import FastAPI

from app.database import Database
from app.settings import Settings


def mount(app: FastAPI, settings: Settings, database: Database) -> None:
    """Serve the admin at `/admin`."""
