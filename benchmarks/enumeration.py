"""Measure whether the time of an answer tells that an address has an account.

Run it in the folder of a project, with its environment:

    python …/benchmarks/enumeration.py [DATABASE_URL]

It starts a server with the default settings, the cost of passwords included, and prints medians
for known and unknown addresses, which take turns. Less than 15 % between them counts as equal.
"""

# ruff: noqa: S105

import asyncio
import statistics
import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2 as httpx

sys.path.insert(0, ".")

from app import migrate
from app.accounts.authenticator import build_authenticator
from app.accounts.models import User
from app.database import opened_database, utc_now
from app.settings import load_settings
from tests.server import running_server

ROUNDS = 40
WARM_UP = 5
PASSWORD = "correct horse battery staple"
SETTINGS = {
    "AUTH_ARGON2_MEMORY_KIB": "47104",
    "AUTH_CLIENT_ATTEMPTS": "100000",
    "MAIL_IN_SERVER": "true",
}
PATHS = {
    "sign-up": ("register", True),
    "forgot": ("password/forgot", False),
    "resend": ("verify-email/resend", False),
    "login": ("login", True),
}


async def add_users(url: str) -> None:
    """Make a known address for each request, all with one password."""
    settings = load_settings(secret_key="x" * 32, database={"url": url})
    async with opened_database(settings.database) as database:
        password_hash = await build_authenticator(settings, database).passwords.hash(PASSWORD)
        async with database.sessions.begin() as session:
            for name, number in product(PATHS, range(ROUNDS + WARM_UP)):
                email = f"{name}-known{number}@example.com"
                proven = None if name == "resend" else utc_now()
                user = User(email=email, email_key=email, email_verified_at=proven)
                user.password_hash = password_hash
                session.add(user)


def measure(client: httpx.Client, path: str, body: dict[str, str]) -> float:
    """Return how many milliseconds an answer takes."""
    started = time.perf_counter()
    answer = client.post(f"/api/v1/auth/{path}", json=body)
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code in {202, 401}, answer.text
    time.sleep(0.15)  # what goes on after an answer shall not count for the next
    return took


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/app.db"
        settings = load_settings(secret_key="x" * 32, database={"url": url})
        migrate.upgrade(settings.database)
        asyncio.run(add_users(url))
        with running_server(Path(folder), DATABASE_URL=url, **SETTINGS) as server:
            for name, (path, needs_password) in PATHS.items():
                times: dict[str, list[float]] = {"known": [], "unknown": []}
                for number in range(ROUNDS + WARM_UP):
                    for kind in list(times)[:: 1 if number % 2 else -1]:
                        body = {"email": f"{name}-{kind}{number}@example.com"}
                        if needs_password:
                            body["password"] = "a wrong but good passphrase"
                        times[kind].append(measure(server.client, path, body))
                known, unknown = (statistics.median(found[WARM_UP:]) for found in times.values())
                ratio = max(known, unknown) / min(known, unknown) - 1
                print(f"{name:8}  known {known:7.2f} ms  unknown {unknown:7.2f} ms  {ratio:6.1%}")


if __name__ == "__main__":
    main()
