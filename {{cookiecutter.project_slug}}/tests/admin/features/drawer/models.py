"""What nobody shall see."""

from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from app.database.base import Record


class Drawer(Record):
    """Hidden."""

    __tablename__ = "drawers"
    metadata = MetaData()

    title: Mapped[str]
