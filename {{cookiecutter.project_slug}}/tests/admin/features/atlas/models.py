"""Models with integers and texts as primary keys."""

from datetime import datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database.base import Base, utc_now

TABLES: Any = import_module("app.features.library.models").TABLES


class Country(Base):
    """A country, which people enter with its code."""

    __tablename__ = "countries"
    metadata = TABLES

    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


class River(Base):
    """A river."""

    __tablename__ = "rivers"
    metadata = TABLES

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class City(Base):
    """A city with references to both."""

    __tablename__ = "cities"
    metadata = TABLES

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    founded_at: Mapped[datetime] = mapped_column(default=utc_now)
    country_code: Mapped[str | None] = mapped_column(ForeignKey(Country.code))
    capital_id: Mapped[int | None] = mapped_column(ForeignKey("cities.id"))

    country: Mapped[Country | None] = relationship(lazy="raise")
    capital: Mapped["City | None"] = relationship(lazy="raise", remote_side=lambda: City.id)
    rivers: Mapped[list[River]] = relationship(secondary=lambda: cities_rivers, lazy="raise")


cities_rivers: Table = Table(
    "cities_rivers",
    TABLES,
    Column("city_id", ForeignKey(City.id, ondelete="CASCADE"), primary_key=True),
    Column("river_id", ForeignKey(River.id, ondelete="CASCADE"), primary_key=True),
)


class Airport(Base):
    """An airport, which people enter with its code, in the form of its city."""

    __tablename__ = "airports"
    metadata = TABLES

    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    runways: Mapped[int] = mapped_column(default=1)
    city_id: Mapped[int] = mapped_column(ForeignKey(City.id, ondelete="CASCADE"))


class Census(Base):
    """A census, which people enter with its year."""

    __tablename__ = "censuses"
    metadata = TABLES

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    population: Mapped[int]


class Visit(Base):
    """A visit, which has a composite key and so no view."""

    __tablename__ = "visits"
    metadata = TABLES

    city_id: Mapped[int] = mapped_column(ForeignKey(City.id, ondelete="CASCADE"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
