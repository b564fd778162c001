"""Query plans: PostgreSQL uses an index for lists and lookups in large tables."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from tests.query_counts import capture_queries
from tests.support import PASSWORD, add_user, in_database, log_in, sign_in

pytestmark = pytest.mark.database("postgresql")

AUTH = "/api/v1/auth"
NOTES = "/api/v1/sample-notes"

# Other users, each with a session, a refresh token, an emailed link and two events; three users have many notes.
FILL = """
    CREATE TEMP TABLE people ON COMMIT DROP AS
        SELECT gen_random_uuid() AS id, n FROM generate_series(1, 5000) AS n;
    INSERT INTO users (id, email, email_key, display_name, is_active, version, created_at, updated_at)
        SELECT id, n || '@x.test', n || '@x.test', '', true, 1, now(), now() FROM people;
    INSERT INTO roles (id, name, permissions, version, created_at, updated_at)
        SELECT id, 'role ' || n, '[]', 1, now(), now() FROM people;
    INSERT INTO user_roles (user_id, role_id) SELECT id, id FROM people;
    INSERT INTO auth_sessions (id, user_id, kind, token_hash, token_issued_at, remember, authenticated_at,
            last_seen_at, idle_expires_at, expires_at, ip_first, ip_last, user_agent, version, created_at, updated_at)
        SELECT id, id, 'web', sha256(n::text::bytea), now(), false, now(),
            now(), now() + interval '1 day', now() + interval '1 day', '', '', '', 1, now(), now() FROM people;
    INSERT INTO refresh_tokens (id, session_id, token_hash, created_at, expires_at)
        SELECT id, id, sha256(n::text::bytea), now(), now() + interval '1 day' FROM people;
    INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, sent_to, created_at, expires_at)
        SELECT id, id, 'revert_email', sha256(n::text::bytea), '', now(), now() + interval '1 day' FROM people;
    INSERT INTO auth_events (id, at, name, user_id, ip, user_agent, request_id, data)
        SELECT gen_random_uuid(), now(), 'authn_login_success', id, '', '', '', '{}'
        FROM people, generate_series(1, 2);
    INSERT INTO attempt_counts (key, count, expires_at)
        SELECT sha256(n::text::bytea), 1, now() + interval '1 day' FROM people;
    INSERT INTO sample_notes (id, title, body, owner_id, version, created_at, updated_at)
        SELECT gen_random_uuid(), 'Note ' || n, repeat('x', 200), owner, 1, now(), now()
        FROM people, (SELECT id AS owner FROM users ORDER BY (email = 'ada@example.com') DESC LIMIT 3) AS owners;
    ANALYZE
"""


def test_lists_and_lookups_use_an_index(own_database_url: str, start_app: Callable[..., TestClient]) -> None:
    # In its own database, because PostgreSQL keeps statistics about the number of rows.
    client = start_app(database={"url": own_database_url})
    ada = add_user(client, "ada@example.com")
    as_ada = sign_in(client, ada)

    async def fill(session: AsyncSession) -> None:
        for statement in FILL.split(";"):
            await session.execute(text(statement))

    note = as_ada.post(NOTES, json={"title": "First"}).json()["id"]
    in_database(client, fill)

    with capture_queries(client, as_ada) as requests:
        first = as_ada.get(NOTES, params={"limit": 2}).json()
        assert as_ada.get(NOTES, params={"cursor": first["next_cursor"]}).status_code == 200
        assert as_ada.get(NOTES, params={"title": "Note 7"}).json()["items"]
        for path in (f"{NOTES}/{note}", "/api/v1/users/me", f"{AUTH}/sessions", f"{AUTH}/events", f"{AUTH}/api-keys"):
            assert as_ada.get(path).status_code == 200
        pair = log_in(client, ada.email, PASSWORD)
        assert client.post(f"{AUTH}/token/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 200
        assert as_ada.patch(f"{NOTES}/{note}", json={"body": "New body"}).status_code == 200
        assert as_ada.delete(f"{NOTES}/{note}").status_code == 204

    sent = [(request.route, *statement) for request in requests for statement in request.statements]

    async def explain(session: AsyncSession) -> list[tuple[str, str, str]]:
        connection = await session.connection()
        plans = [
            (route, statement, "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", values)).scalars()))
            for route, statement, values in sent
        ]
        return [plan for plan in plans if re.search(r"Seq Scan on (?!api_keys|totp_secrets|jobs)", plan[2])]

    assert len(sent) > 30
    assert in_database(client, explain) == []
