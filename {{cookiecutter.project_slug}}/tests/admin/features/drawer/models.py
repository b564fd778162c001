"""A model without an admin view."""

from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from app.database.base import Record


class Drawer(Record):
    """Not in the admin."""

    __tablename__ = "drawers"
    metadata = MetaData()

    title: Mapped[str]
