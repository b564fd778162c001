"""Run by login.py with a project's packages: create users, and serve with a watch on the loop.

`prepare` creates the users. `serve --port N` is `app serve` with another route, GET /watch, which
returns for the time since the last call: the lag of the event loop (which other processes increase,
too), and how long its thread computed without a break; and the duration of one password hash.
"""

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

import uvicorn
from app.accounts import users
from app.accounts.credentials.authenticator import build_authenticator
from app.accounts.credentials.passwords import PasswordHasher
from app.commands.asgi import build_app
from app.database.connection import open_database
from app.settings.config import load_settings
from passlib.context import CryptContext

PASSWORD = "known to these people only"  # noqa: S105
TICK = 0.001


async def prepare(people: int) -> None:
    """Create users (known-N), some with a cheaper hash (old-N), some unverified (waiting-N)."""
    settings = load_settings()
    cheap = CryptContext(["argon2"], argon2__memory_cost=9216, argon2__time_cost=1)
    async with open_database(settings.database) as database:
        authenticator = build_authenticator(settings, database)
        for kind in ("known", "old", "waiting"):
            for number in range(people):
                async with database.sessions.begin() as session:
                    user = await users.create_user(
                        session,
                        authenticator,
                        email=f"{kind}-{number}@example.com",
                        password=PASSWORD,
                    )
                    if kind == "old":
                        user.password_hash = cheap.hash(PASSWORD)
                    if kind == "waiting":
                        user.email_verified_at = None


class Watched:
    """The app, and a task that wakes up every millisecond and records how late it is."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - any ASGI app
        self.app = app
        self.hasher = PasswordHasher(load_settings().auth)
        self.lateness, self.computing = [0.0], [0.0]
        self.watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Handle /watch, and pass other requests to the app."""
        if scope["type"] != "http" or scope["path"] != "/watch":
            await self.app(scope, receive, send)
            return
        self.watch = self.watch or asyncio.create_task(self.look())
        late, self.lateness = sorted(self.lateness), [0.0]
        computed, self.computing = max(self.computing), [0.0]
        hashes = [await self.time_a_hash() for _ in range(5)] if scope["query_string"] else [0.0]
        found = {
            "worst_ms": late[-1],
            "p99_ms": late[int(len(late) * 0.99)],
            "computed_ms": computed,
            "hash_ms": median(hashes),
        }
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    async def look(self) -> None:
        """Record how late each wake-up is, and how long the loop's thread computed until then."""
        while True:
            due, before = time.perf_counter() + TICK, time.thread_time()
            await asyncio.sleep(TICK)
            self.lateness.append((time.perf_counter() - due) * 1000)
            self.computing.append((time.thread_time() - before) * 1000)

    async def time_a_hash(self) -> float:
        """Return the milliseconds of one hash."""
        started = time.perf_counter()
        await self.hasher.hash(PASSWORD)
        return (time.perf_counter() - started) * 1000


def create_watched_app() -> Watched:
    """Build the app, for Uvicorn."""
    return Watched(build_app())


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        asyncio.run(prepare(int(sys.argv[2])))
    else:
        port = int(sys.argv[sys.argv.index("--port") + 1])
        uvicorn.run(create_watched_app, factory=True, port=port, access_log=False)
