"""Rate limits for sign-in: per account, IP address and device."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from fakeredis import TcpFakeServer
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from app.accounts.scope import Client
from app.api.rate_limits import AttemptCount
from app.database.base import utc_now
from tests.support import PASSWORD, add_user, in_database, log_in, problem_of

LOGIN = "/api/v1/auth/login"
WRONG = "not the password at all"

StartApp = Callable[..., TestClient]


def try_login(client: TestClient, email: str, password: str = WRONG) -> Any:
    return client.post(LOGIN, json={"email": email, "password": password})


def events(client: TestClient) -> list[str]:
    """List the names of all events, oldest first."""
    return list(in_database(client, lambda session: session.scalars(select(AuthEvent.name).order_by(AuthEvent.id))))


def let_time_pass(client: TestClient, time: timedelta) -> None:
    """Expire the counters that would have expired by then."""
    over = update(AttemptCount).where(AttemptCount.expires_at <= utc_now() + time).values(expires_at=utc_now())
    in_database(client, lambda session: session.execute(over))


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_sixth_attempt_on_an_account_is_rejected_unchecked(client: TestClient, ada: User, email: str) -> None:
    """Behaviour 108."""
    rejected = [try_login(client, email).status_code for _ in range(5)]
    right = [try_login(client, email, PASSWORD) for _ in range(2)]

    assert rejected == [401] * 5
    assert [response.status_code for response in right] == [429, 429]
    assert problem_of(right[0])["type"] == "urn:problem:TooManyAttempts"
    assert 0 < int(right[0].headers["Retry-After"]) <= 15 * 60
    assert events(client) == ["authn_login_fail"] * 5 + ["authn_login_lock"], (
        "the lock is recorded once, without a password"
    )
    assert ada.email != email or try_login(client, "ADA@Example.com ", PASSWORD).status_code == 429


def test_account_is_unlocked_after_the_window(client: TestClient, ada: User) -> None:
    for _ in range(6):
        try_login(client, ada.email)
    let_time_pass(client, timedelta(minutes=15))

    assert try_login(client, ada.email, PASSWORD).status_code == 200


def test_correct_password_clears_the_limit(start_app: StartApp) -> None:
    client = start_app(auth={"login_attempts": 2})
    ada = add_user(client, "ada@example.com")

    responses = [try_login(client, ada.email, password).status_code for password in (WRONG, PASSWORD) * 3]

    assert responses == [401, 200] * 3


def test_hundred_consecutive_failures_lock_the_account(start_app: StartApp) -> None:
    """NIST SP 800-63B-4 §3.2.2."""
    client = start_app(auth={"login_attempts": 200})
    ada = add_user(client, "ada@example.com")
    try_login(client, ada.email)

    all_but_one = update(AttemptCount).where(AttemptCount.expires_at > utc_now() + timedelta(days=1)).values(count=99)
    in_database(client, lambda session: session.execute(all_but_one))

    assert try_login(client, ada.email).status_code == 401
    locked = try_login(client, ada.email, PASSWORD)
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 29 * 86_400


@pytest.mark.any_database
def test_attempts_per_client_are_limited_across_accounts(client: TestClient, ada: User) -> None:
    """Behaviour 111."""
    tried = [try_login(client, f"user{number}@example.com").status_code for number in range(30)]

    rejected = try_login(client, ada.email, PASSWORD)

    assert tried == [401] * 30
    assert rejected.status_code == 429
    assert 0 < int(rejected.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::"),
        ("a socket", "a socket"),
    ],
)
def test_ipv6_network_counts_as_one_client(ip: str, network: str) -> None:
    """An IPv6 client has 2⁶⁴ addresses."""
    assert Client(ip, "").network == network


def test_counters_survive_a_restart_and_are_shared_by_workers(start_app: StartApp) -> None:
    """Behaviour 113."""
    first = start_app(auth={"login_attempts": 2})
    ada = add_user(first, "ada@example.com")
    for _ in range(3):
        try_login(first, ada.email)

    second = start_app(auth={"login_attempts": 2})

    assert try_login(second, ada.email, PASSWORD).status_code == 429


@pytest.mark.any_database
def test_counters_contain_no_personal_data(client: TestClient, ada: User) -> None:
    try_login(client, ada.email)

    keys = list(in_database(client, lambda session: session.scalars(select(AttemptCount.key))))

    assert len(keys) == 3
    assert all(len(key) == 32 and b"ada" not in key for key in keys)


@pytest.mark.any_database
def test_failures_of_one_account_do_not_lock_another(client: TestClient, ada: User, bob: User) -> None:
    for _ in range(6):
        try_login(client, ada.email)

    assert log_in(client, bob.email)


@pytest.fixture
def redis() -> Iterator[TcpFakeServer]:
    """Run a fake Redis server on a free port."""
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.any_database
def test_redis_counts_if_configured(start_app: StartApp, redis: TcpFakeServer) -> None:
    """Behaviours 108, 113."""
    url = f"redis://127.0.0.1:{redis.server_address[1]}/0"
    first, second = (start_app(auth={"login_attempts": 2}, redis_url=url) for _ in range(2))
    ada = add_user(first, "ada@example.com")

    cleared = [try_login(first, ada.email, password).status_code for password in (WRONG, PASSWORD)]
    rejected = [try_login(first, ada.email).status_code for _ in range(2)]
    locked = try_login(second, ada.email, PASSWORD)

    assert cleared + rejected == [401, 200, 401, 401]
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 15 * 60
    assert in_database(first, lambda session: session.scalar(select(AttemptCount.key))) is None


@pytest.mark.any_database
def test_unavailable_redis_rejects_sign_ins(start_app: StartApp) -> None:
    """If Redis is unavailable, sign-ins fail rather than go uncounted."""
    client = start_app(redis_url="redis://127.0.0.1:1/0")
    ada = add_user(client, "ada@example.com")

    response = try_login(client, ada.email, PASSWORD)

    assert problem_of(response)["type"] == "urn:problem:RateLimiterUnavailable"
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
