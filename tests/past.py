"""Make up what happened in a project in the last month: a program that its Python runs, in it."""

import asyncio
import random
from datetime import timedelta

from app.accounts.events import Event
from app.accounts.models import AuthEvent, User
from app.database.base import utc_now
from app.database.connection import open_database
from app.settings.config import load_settings


async def make_past() -> None:
    """Let people come, sign in, and fail to."""
    chance = random.Random(1)  # noqa: S311 - the same at each run
    now = utc_now()
    people = []
    for number in range(60):
        came = now - timedelta(days=28 * chance.random() ** 1.5)
        address = f"person-{number}@example.com"
        people.append(User(email=address, email_key=address, created_at=came))
    names = [*[Event.LOGIN_SUCCESS] * 9, Event.LOGIN_FAIL]
    opened = open_database(load_settings().database)
    async with opened as database, database.sessions.begin() as session:
        session.add_all(people)
        for _ in range(700):
            at = now - timedelta(days=30 * chance.random())
            session.add(AuthEvent(name=chance.choice(names), at=at, ip="203.0.113.7"))


if __name__ == "__main__":
    asyncio.run(make_past())
