"""Clean-up: what is over goes, what is needed stays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from app.accounts.cleanup import clean_up
from app.accounts.models import AuthEvent, AuthSession, OneTimeToken, RefreshToken, User
from app.database import utc_now
from app.mail.models import OutboxMail
from app.throttle import AttemptCount
from tests.accounts.mailed import ask_for_reset, try_login
from tests.support import PASSWORD, in_database, log_in, with_token

REFRESH = "/api/v1/auth/token/refresh"
NOTHING = dict.fromkeys(["unproven accounts", "mailed tokens", "counts of attempts", "sessions", "sent mails"], 0)
LONG_AGO, YESTERDAY = timedelta(days=8), timedelta(days=1)


def run(client: TestClient) -> dict[str, int]:
    assert client.portal is not None
    return dict(client.portal.call(clean_up, client.app_state["database"]))


def age(client: TestClient, table: Any, by: timedelta, *columns: str) -> None:
    """Move times of all rows of a table into the past."""
    past = dict.fromkeys(columns, utc_now() - by)
    in_database(client, lambda session: session.execute(update(table).values(**past)))


def count(client: TestClient, table: type) -> int:
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(table))) or 0


def test_nothing_is_deleted_that_is_needed(client: TestClient, ada: User) -> None:
    client.post("/api/v1/auth/register", json={"email": "carol@example.com", "password": PASSWORD})
    ask_for_reset(client, ada.email)
    pair = log_in(client, ada.email)
    age(client, User, YESTERDAY, "created_at")
    age(client, OutboxMail, YESTERDAY, "created_at", "sent_at")

    assert run(client) == NOTHING

    assert with_token(client, pair["access_token"]).get("/api/v1/users/me").status_code == 200


def test_what_is_over_goes_once(client: TestClient, ada: User) -> None:
    log_in(client, ada.email)
    ask_for_reset(client, ada.email)
    age(client, OneTimeToken, timedelta(seconds=1), "expires_at")
    age(client, AttemptCount, timedelta(seconds=1), "expires_at")
    age(client, AuthSession, LONG_AGO, "revoked_at")
    age(client, OutboxMail, LONG_AGO, "sent_at")
    attempts, mails = count(client, AttemptCount), count(client, OutboxMail)

    assert run(client) == NOTHING | {
        "mailed tokens": 1,
        "counts of attempts": attempts,
        "sessions": 1,
        "sent mails": mails,
    }

    tables = (OneTimeToken, AttemptCount, AuthSession, RefreshToken, OutboxMail)
    assert [count(client, table) for table in tables] == [0] * 5
    assert attempts > 0 < mails
    assert count(client, AuthEvent) > 0
    assert run(client) == NOTHING


def test_mail_that_was_not_sent_stays(client: TestClient, ada: User) -> None:
    ask_for_reset(client, ada.email)
    age(client, OutboxMail, LONG_AGO, "created_at", "next_attempt_at", "failed_at")

    assert run(client)["sent mails"] == 0


@pytest.mark.parametrize("column", ["expires_at", "idle_expires_at", "revoked_at"])
def test_session_stays_for_a_week_after_its_end(client: TestClient, ada: User, column: str) -> None:
    log_in(client, ada.email)

    age(client, AuthSession, timedelta(days=6), column)
    assert run(client)["sessions"] == 0

    age(client, AuthSession, LONG_AGO, column)
    assert run(client)["sessions"] == 1


def test_used_token_of_a_live_session_is_still_noticed(client: TestClient, ada: User) -> None:
    """Behaviour 71."""
    pair = log_in(client, ada.email)
    newer = client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).json()
    age(client, AuthSession, LONG_AGO, "created_at")
    long_used = {"used_at": utc_now() - LONG_AGO, "expires_at": utc_now() - YESTERDAY}
    used = update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(**long_used)
    in_database(client, lambda session: session.execute(used))

    run(client)

    assert client.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).status_code == 401
    assert client.post(REFRESH, json={"refresh_token": newer["refresh_token"]}).status_code == 401
    reason = in_database(client, lambda session: session.scalar(select(AuthSession.revoked_reason)))
    assert reason == "refresh_reuse"


def test_address_that_nobody_proved_is_free_again(client: TestClient, ada: User) -> None:
    """Behaviour 13."""
    first = {"email": "carol@example.com", "password": PASSWORD}
    client.post("/api/v1/auth/register", json=first)
    age(client, User, LONG_AGO, "created_at")

    assert run(client)["unproven accounts"] == 1

    assert try_login(client, ada.email) == 200, "ada has proven hers"
    assert try_login(client, first["email"]) == 401
    client.post("/api/v1/auth/register", json=first | {"password": "another good passphrase"})
    assert try_login(client, first["email"], "another good passphrase") == 403
