"""Data export and account deletion."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.lifecycle import personal_data
from app.accounts.models import AuthEvent, AuthSession, OneTimeToken, RefreshToken, User
from app.database.base import utc_now
from tests.accounts.email_links import subjects, try_login
from tests.sample.sample_notes.models import SampleNote
from tests.support import PASSWORD, add_user, in_database, log_in, problem_of, sign_in, with_token

ME = "/api/v1/users/me"
EXPORT = "/api/v1/users/me/export"


def count(client: TestClient, table: type) -> int:
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(table))) or 0


def test_account_is_deleted_with_everything_it_owns(client: TestClient, ada: User, as_bob: TestClient) -> None:
    """Behaviours 54, 151."""
    pair = log_in(client, ada.email)
    as_ada = with_token(client, pair["access_token"])
    as_ada.post("/api/v1/sample-notes", json={"title": "Ada's"})
    as_bob.post("/api/v1/sample-notes", json={"title": "Bob's"})
    client.post("/api/v1/auth/password/forgot", json={"email": ada.email})

    assert as_ada.delete(ME).status_code == 204

    assert as_ada.get(ME).status_code == 401
    refresh = {"refresh_token": pair["refresh_token"]}
    assert client.post("/api/v1/auth/token/refresh", json=refresh).status_code == 401
    assert try_login(client, ada.email) == 401
    assert [count(client, table) for table in (User, SampleNote, AuthSession)] == [1, 1, 1], "bob's"
    assert [count(client, table) for table in (RefreshToken, OneTimeToken)] == [1, 0]
    assert subjects(client, ada.email)[-1].endswith("was deleted")
    assert as_bob.get(ME).status_code == 200


def test_events_are_kept_anonymized(client: TestClient, ada: User) -> None:
    """Behaviour 151."""
    as_ada = with_token(client, log_in(client, ada.email)["access_token"])
    before = count(client, AuthEvent)

    as_ada.delete(ME)

    events = list(in_database(client, lambda session: session.scalars(select(AuthEvent).order_by(AuthEvent.id))))
    assert len(events) == before + 1
    assert events[-1].name == "user_deleted"
    assert {(e.user_id, e.actor_id, e.ip, e.user_agent, str(e.data)) for e in events} == {(None, None, "", "", "{}")}


@pytest.mark.any_database
def test_recent_authentication_is_required(as_ada: TestClient, client: TestClient, ada: User) -> None:
    """Behaviours 124, 151."""
    hour_ago = utc_now() - timedelta(hours=1)
    in_database(client, lambda session: session.execute(update(AuthSession).values(authenticated_at=hour_ago)))

    assert problem_of(as_ada.delete(ME))["type"] == "urn:problem:ReauthenticationRequired"
    assert try_login(client, ada.email) == 200


@pytest.mark.any_database
def test_last_admin_cannot_be_deleted(as_admin: TestClient, client: TestClient) -> None:
    """Behaviour 134."""
    response = as_admin.delete(ME)

    assert (response.status_code, problem_of(response)["type"]) == (409, "urn:problem:LastAdmin")
    assert as_admin.get(ME).status_code == 200
    events = in_database(client, lambda session: session.scalars(select(AuthEvent.name)))
    assert "user_deleted" not in list(events)


def test_concurrent_deletions_keep_one_admin(as_admin: TestClient, client: TestClient) -> None:
    """Behaviour 134."""
    other = sign_in(client, add_user(client, "other@example.com", admin=True))

    with ThreadPoolExecutor(2) as threads:
        responses = list(threads.map(lambda caller: caller.delete(ME).status_code, (as_admin, other)))

    assert sorted(responses) == [204, 409]
    assert count(client, User) == 1


@pytest.mark.any_database
def test_user_can_be_deleted_without_an_admin(as_ada: TestClient) -> None:
    assert as_ada.delete(ME).status_code == 204


@pytest.mark.any_database
def test_deleted_address_can_sign_up_again(as_ada: TestClient, client: TestClient, ada: User) -> None:
    as_ada.delete(ME)

    client.post("/api/v1/auth/register", json={"email": ada.email, "password": PASSWORD})

    assert subjects(client, ada.email)[-1].startswith("Confirm your email address")
    assert try_login(client, ada.email) == 403


def test_export_contains_own_data_and_no_secrets(client: TestClient, ada: User, as_bob: TestClient, bob: User) -> None:
    as_ada = with_token(client, log_in(client, ada.email)["access_token"])
    as_ada.post("/api/v1/sample-notes", json={"title": "Ada's", "body": "text"})
    as_bob.post("/api/v1/sample-notes", json={"title": "Bob's"})

    response = as_ada.get(EXPORT)

    assert response.status_code == 200
    copy = response.json()
    assert copy["profile"]["email"] == ada.email
    assert [(note["title"], note["body"]) for note in copy["sample_notes"]] == [("Ada's", "text")]
    assert [session["user_agent"] for session in copy["sessions"]] == ["testclient"]
    assert [event["name"] for event in copy["events"]] == ["authn_login_success"]
    for secret in ("argon2", "hash", "Bob's", str(bob.id)):
        assert secret not in response.text


def test_export_lists_rows_that_refer_to_the_user(
    as_ada: TestClient, as_bob: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal_data, "_references_to_users", lambda: [AuthSession.user])

    copy = as_ada.get(EXPORT).json()

    assert copy["references"] == {"auth_sessions.user": [session["id"] for session in copy["sessions"]]}
    assert as_bob.get(EXPORT).json()["references"] != copy["references"]


@pytest.mark.any_database
def test_export_is_recorded(as_ada: TestClient, client: TestClient, ada: User) -> None:
    as_ada.get(EXPORT)

    async def names(session: AsyncSession) -> list[str]:
        return list(await session.scalars(select(AuthEvent.name).where(AuthEvent.user_id == ada.id)))

    assert "user_data_exported" in in_database(client, names)


@pytest.mark.any_database
@pytest.mark.parametrize(("method", "path"), [("DELETE", ME), ("GET", EXPORT)])
def test_anonymous_caller_has_no_account(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 401
