"""What nobody shall see."""

from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from app.database import Record


class Drawer(Record):
    """Hidden."""

    __tablename__ = "drawers"
    metadata = MetaData()

    title: Mapped[str]
