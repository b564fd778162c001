"""Account events: recorded, visible to the owner, immutable."""

from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.routes import app_of
from tests.support import PASSWORD, log_in, sign_in, with_token

EVENTS = "/api/v1/auth/events"
LOGIN = "/api/v1/auth/login"
WRONG = "not the password at all"


def events(caller: TestClient, **query: Any) -> Any:
    response = caller.get(EVENTS, params=query)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.any_database
def test_owner_sees_successes_and_failures(client: TestClient, ada: User, as_bob: TestClient) -> None:
    """Behaviours 36, 150."""
    client.post(LOGIN, json={"email": ada.email, "password": WRONG}, headers={"User-Agent": "<i>attacker</i>"})
    token = log_in(client, ada.email)["access_token"]

    response = with_token(client, token).get(EVENTS)

    success, failure = response.json()["items"]
    assert (success["name"], failure["name"]) == ("authn_login_success", "authn_login_fail")
    assert failure.keys() == {"id", "at", "name", "session_id", "ip", "user_agent", "data"}
    assert (failure["ip"], failure["user_agent"]) == ("testclient", "<i>attacker</i>")
    assert success["at"] >= failure["at"]
    for secret in (PASSWORD, WRONG, token):
        assert secret not in response.text
    assert [event["name"] for event in events(as_bob)["items"]] == ["authn_login_success"]


def test_events_are_paginated(client: TestClient, ada: User) -> None:
    callers = [sign_in(client, ada) for _ in range(3)]

    first = events(callers[0], limit=2)
    second = events(callers[0], limit=2, cursor=first["next_cursor"])

    seen = [event["id"] for event in first["items"] + second["items"]]
    assert len(seen) == 3
    assert seen == sorted(seen, reverse=True)
    assert second["next_cursor"] is None


@pytest.mark.any_database
def test_ended_sessions_are_recorded(client: TestClient, ada: User) -> None:
    """Behaviour 150."""
    other, here = sign_in(client, ada), sign_in(client, ada)
    newest = here.get("/api/v1/auth/sessions").json()[1]["id"]
    here.delete(f"/api/v1/auth/sessions/{newest}")
    here.delete("/api/v1/auth/sessions")
    here.post("/api/v1/auth/logout")

    again = events(sign_in(client, ada))["items"]

    names = [event["name"] for event in reversed(again)]
    assert names == [
        "authn_login_success",
        "authn_login_success",
        "session_ended",
        "session_ended",
        "authn_logout",
        "authn_login_success",
    ]
    assert again[3]["session_id"] == newest
    assert other.get("/api/v1/users/me").status_code == 401


@pytest.mark.any_database
def test_no_route_changes_an_event(client: TestClient) -> None:
    """Behaviour 150."""
    methods = {
        method
        for context in iter_route_contexts(app_of(client).routes)
        if "events" in (context.path or "")
        for method in context.methods or ()
    }

    assert methods - {"HEAD"} == {"GET"}
