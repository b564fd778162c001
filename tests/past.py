"""Create a month of sample data in a project; run it with the project's Python."""

import asyncio
import random
from datetime import timedelta

from app.accounts.events import Event
from app.accounts.models import AuthEvent, User
from app.database.base import utc_now
from app.database.connection import open_database
from app.settings.config import load_settings


async def create_history() -> None:
    """Create users, sign-ins and failed sign-ins."""
    generator = random.Random(1)  # noqa: S311 - deterministic
    now = utc_now()
    people = []
    for number in range(60):
        created_at = now - timedelta(days=28 * generator.random() ** 1.5)
        address = f"person-{number}@example.com"
        people.append(User(email=address, email_key=address, created_at=created_at))
    names = [*[Event.LOGIN_SUCCESS] * 9, Event.LOGIN_FAIL]
    opened = open_database(load_settings().database)
    async with opened as database, database.sessions.begin() as session:
        session.add_all(people)
        for _ in range(700):
            at = now - timedelta(days=30 * generator.random())
            session.add(AuthEvent(name=generator.choice(names), at=at, ip="203.0.113.7"))


if __name__ == "__main__":
    asyncio.run(create_history())
