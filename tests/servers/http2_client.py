"""Run by test_servers.py, with httpx: `http2_client.py ADDRESS EMAIL PASSWORD` prints JSON."""

import json
import sys
from collections.abc import Iterator

import httpx

LARGE, UNREAD = 3_000_000, 500_000
LOGIN, NOTES, LIVE = "/api/v1/auth/login", "/api/v1/notes", "/health/live"


def stream() -> Iterator[bytes]:
    """Yield a body without announcing its length."""
    for _ in range(LARGE // 10_000):
        yield b" " * 10_000


def main(address: str, email: str, password: str) -> None:
    """Sign in, write, and send bodies that the app rejects or doesn't read."""
    # Without HTTP/1.1, httpx sends HTTP/2 in plain text, too. The certificate is self-signed.
    options = {"http1": False, "http2": True, "verify": False, "timeout": 60}
    with httpx.Client(base_url=address, **options) as client:
        login = client.post(LOGIN, json={"email": email, "password": password})
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        cross_site = {"Sec-Fetch-Site": "cross-site"}
        responses = {
            "login": login,
            "create": client.post(NOTES, json={"title": f"over HTTP/2 at {address}"}),
            "too large, announced": client.post(NOTES, content=b" " * LARGE),
            "next 1": client.get(LIVE),
            "too large, streamed": client.post(NOTES, content=stream()),
            "next 2": client.get(LIVE),
            "cross-site, unread": client.post("/login", content=b" " * UNREAD, headers=cross_site),
            "next 3": client.get(LIVE),
            "no such route, unread": client.post("/nowhere", content=b" " * UNREAD),
            "next 4": client.get(LIVE),
        }
    versions = sorted({one.http_version for one in responses.values()})
    statuses = {name: one.status_code for name, one in responses.items()}
    json.dump({"versions": versions, "statuses": statuses}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
