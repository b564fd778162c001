"""No user enumeration: known and unknown addresses cause the same work.

Times vary between runs, so these tests compare hashes and statements. The template's `benchmarks` measure times.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.accounts.credentials.passwords import PasswordHasher
from app.accounts.models import User
from tests.accounts.email_links import NEW, latest_token, request_reset
from tests.query_counts import capture_statements
from tests.support import PASSWORD, in_database, log_in, with_token

AUTH = "/api/v1/auth"


def work_of(client: TestClient, path: str, body: dict[str, str]) -> list[str]:
    """Return the statements of a request, without values, whitespace and names of savepoints."""
    with capture_statements(client) as statements:
        assert client.post(f"{AUTH}/{path}", json=body).status_code == 202
    unnamed = (re.sub(r"(RELEASE|ROLLBACK TO) SAVEPOINT \S+", "END OF SAVEPOINT", sql) for sql, _ in statements)
    return [re.sub(r"\s+", " ", sql) for sql in unnamed]


@pytest.mark.any_database
def test_password_reset_runs_the_same_statements_for_every_address(client: TestClient, ada: User) -> None:
    """Behaviour 88."""
    known, unknown = (
        work_of(client, "password/forgot", {"email": email}) for email in (ada.email, "nobody@example.com")
    )

    assert len([statement for statement in known if statement.startswith("INSERT INTO jobs")]) == 1
    assert known == unknown


@pytest.mark.any_database
def test_resending_runs_the_same_statements_for_every_address(client: TestClient, ada: User, bob: User) -> None:
    unverified = update(User).where(User.id == bob.id).values(email_verified_at=None)
    in_database(client, lambda session: session.execute(unverified))

    works = [
        work_of(client, "verify-email/resend", {"email": email})
        for email in (ada.email, bob.email, "nobody@example.com")
    ]

    assert works[0]
    assert works[0] == works[1] == works[2]


@pytest.mark.any_database
def test_sign_up_runs_the_same_statements_for_every_address(client: TestClient, ada: User, hashes: list[int]) -> None:
    """Behaviour 3. An event is recorded for one, an email queued for the other."""
    known, unknown = (
        work_of(client, "register", {"email": email, "password": NEW}) for email in (ada.email, "nobody@example.com")
    )

    assert known.pop().startswith("INSERT INTO jobs")
    assert unknown.pop().startswith("INSERT INTO auth_events")
    assert len(known) > 5
    assert known == unknown
    assert len(hashes) == 4, "an estimate and a hash each"


@pytest.fixture
def hashes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the number of connections in use during each password hash and estimate."""
    run, pool = PasswordHasher.run_in_thread, client.app_state["database"].engine.pool
    in_use: list[int] = []

    async def watched_run(self: PasswordHasher, work: Callable[[], Any]) -> Any:
        in_use.append(pool.checkedout())
        return await run(self, work)

    monkeypatch.setattr(PasswordHasher, "run_in_thread", watched_run)
    return in_use


def test_no_transaction_is_open_while_hashing(client: TestClient, ada: User, hashes: list[int]) -> None:
    carol = {"email": "carol@example.com", "password": PASSWORD}
    client.post(f"{AUTH}/register", json=carol)
    proof = {"token": latest_token(client, carol["email"]), "password": PASSWORD}
    assert client.post(f"{AUTH}/verify-email", json=proof).status_code == 204
    mine = {"token": request_reset(client, ada.email), "password": NEW}
    assert client.post(f"{AUTH}/password/reset", json=mine).status_code == 204
    as_ada = with_token(client, log_in(client, ada.email, NEW)["access_token"])
    change = {"current_password": NEW, "new_password": PASSWORD}
    assert as_ada.post(f"{AUTH}/password/change", json=change).status_code == 204

    assert len(hashes) == 9
    assert set(hashes) == {0}


@pytest.mark.any_database
def test_too_long_password_is_not_hashed(client: TestClient, ada: User, hashes: list[int]) -> None:
    """Behaviour 18."""
    long = "x" * 1025
    carol = {"email": "carol@example.com", "password": long}

    assert client.post(f"{AUTH}/register", json=carol).status_code == 422
    assert client.post(f"{AUTH}/login", json={"email": ada.email, "password": long}).status_code == 401
    assert hashes == []
