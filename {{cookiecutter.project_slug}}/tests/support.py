"""Functions for tests: create users, sign in, read emails, use the database of the running app."""

import asyncio
import itertools
import os
import re
import string
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import MetaData, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts import users
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.models import Role, User, UserRole
from app.accounts.scope import Client
from app.accounts.sessions import login
from app.database.connection import Database, open_database
from app.jobs.models import Job
from app.mail.jobs import send
from app.settings.config import DatabaseSettings, Settings

T = TypeVar("T")

DRIVER_EXECUTION = os.environ.get("TEST_DRIVER_EXECUTION") != "false"
"""Whether the database driver executes frequent statements."""

PASSWORD = "correct horse battery staple"
"""The password of test users."""

TEST_CLIENT = Client(ip="127.0.0.1", user_agent="tests")
"""The client they sign in from."""

SECONDS_TO_WAIT = 60

_numbers = itertools.count()
_hashes: dict[tuple[str, int, int], str] = {}


def in_database(client: TestClient, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Return `work(session)`, run in a transaction on the app's database."""

    async def run() -> T:
        async with client.app_state["database"].sessions.begin() as session:
            return await work(session)

    assert client.portal is not None, "the app is not running"
    return client.portal.call(run)


@contextmanager
def tables_of(client: TestClient, metadata: MetaData) -> Iterator[None]:
    """Create the tables of a test's own models, and drop them afterwards."""
    in_database(client, lambda session: session.run_sync(lambda sync: metadata.create_all(sync.connection())))
    yield
    in_database(client, lambda session: session.run_sync(lambda sync: metadata.drop_all(sync.connection())))


def add_user(
    client: TestClient, email: str, *, password: str = PASSWORD, admin: bool = False, permission: str = ""
) -> User:
    """Create a user with a verified email address, and with the role of admins or a role with one permission."""

    async def add(session: AsyncSession) -> User:
        password_hash = await _hash(client.app_state["authenticator"], password)
        user = await users.add_verified_user(session, email=email, password_hash=password_hash)
        if admin:
            await users.grant_admin(session, user)
        if permission:
            role = Role(name=permission, permissions=[permission])
            session.add(role)
            await session.flush()
            session.add(UserRole(user_id=user.id, role_id=role.id))
        return user

    return in_database(client, add)


def new_user_id(client: TestClient, **values: Any) -> str:
    """Create a user and return their ID. The values are those of columns, such as `is_active`."""
    user = add_user(client, f"user{unique_number()}@example.com")
    if values:
        in_database(client, lambda session: session.execute(update(User).where(User.id == user.id).values(values)))
    return str(user.id)


async def _hash(authenticator: Authenticator, password: str) -> str:
    """Hash a password, once per cost for all tests."""
    settings = authenticator.settings
    key = password, settings.argon2_memory_kib, settings.argon2_time_cost
    if key not in _hashes:
        _hashes[key] = await authenticator.passwords.hash(password)
    return _hashes[key]


def sign_in(client: TestClient, user: User) -> TestClient:
    """Return a client of the same running app that sends an access token of this user."""
    assert client.portal is not None, "the app is not running"
    database, authenticator = client.app_state["database"], client.app_state["authenticator"]
    pair = client.portal.call(login.complete_login, database, authenticator, user, TEST_CLIENT)
    return with_token(client, pair.access_token)


def log_in(client: TestClient, email: str, password: str = PASSWORD) -> Any:
    """Sign in with the API and return the access and refresh token."""
    response = client.post("/api/v1/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    return response.json()


def another_client(client: TestClient, address: str = "http://testserver", **headers: str) -> TestClient:
    """Return another client of the same running app, with its own cookies and headers."""
    other = TestClient(client.app, address, follow_redirects=False, headers=headers)
    other.portal = client.portal
    other.app_state.update(client.app_state)
    return other


def with_token(client: TestClient, access_token: str) -> TestClient:
    """Return a client of the same running app that sends this access token."""
    return another_client(client, Authorization=f"Bearer {access_token}")


def problem_of(response: Any) -> Any:
    """Return the problem document of a response, after checking what all of them have in common."""
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    return problem


def emails_to(client: TestClient, address: str) -> list[str]:
    """Return the queued emails to an address, oldest first; each starts with its `Subject:`."""
    keys = client.app_state["authenticator"].keys

    async def read(session: AsyncSession) -> list[Mapping[str, Any]]:
        stored = await session.scalars(select(Job.arguments).where(Job.name == send.name).order_by(Job.id))
        return [send.load_arguments(arguments, keys) for arguments in stored if arguments]

    return [mail["text"] for mail in in_database(client, read) if mail["to"] == address]


def link_in(mail: str) -> str:
    """Return the path and query of the only link in an email."""
    (link,) = re.findall(r"https?://\S+", mail)
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def latest_link(client: TestClient, address: str) -> str:
    """Return the path of the link in the latest email to an address."""
    return link_in(emails_to(client, address)[-1])


def unique_number(limit: int = 1_000_000) -> int:
    """Return the next number of a sequence: 0, 1, 2, …; it restarts at the limit."""
    return next(_numbers) % limit


def unique_text(length: int) -> str:
    """Return a unique text of this length."""
    number, text = next(_numbers), ""
    while len(text) < length:
        number, digit = divmod(number, 36)
        text = (string.digits + string.ascii_lowercase)[digit] + text
    return text


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until another thread or process makes the condition true."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.02)


def in_database_of(settings: Settings, work: Callable[[Database], Coroutine[Any, Any, T]], **changes: object) -> T:
    """Return `work(database)`, run on the database of the settings with these changes."""

    async def main() -> T:
        async with open_database(settings.database.model_copy(update=changes)) as database:
            return await work(database)

    return asyncio.run(main())


def execute(url: str, statement: str) -> None:
    """Run a statement on a database by its URL."""

    async def run() -> None:
        settings = DatabaseSettings(url=url)
        async with open_database(settings) as database, database.engine.begin() as connection:
            await connection.execute(text(statement))

    asyncio.run(run())


def make_database_unavailable(client: TestClient) -> None:
    """Make the app's database refuse connections; no other test may use it."""
    url = make_url(client.app_state["settings"].database.url)
    if url.get_backend_name() == "sqlite":
        assert client.portal is not None
        client.portal.call(client.app_state["database"].engine.dispose)
        path = Path(str(url.database))
        path.rename(path.with_name("moved.db"))
        path.mkdir()  # a directory can't be opened as a database
        return
    server = url.set(database="postgres").render_as_string(hide_password=False)
    execute(server, f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
    execute(server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{url.database}'")  # noqa: S608
