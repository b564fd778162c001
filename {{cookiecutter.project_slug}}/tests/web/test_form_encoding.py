"""Forms that browsers don't send: other encodings, malformed, files for text fields. None causes a 500."""

import re
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.web.browser import open_browser, read_page

pytestmark = pytest.mark.any_database

MULTIPART = "multipart/form-data; boundary=x"
FIELD = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
NAMES = b"email password new_password display_name token version next remember code name".split()
FILE = b'--x\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n'


def form_paths(client: TestClient) -> list[str]:
    """Return the paths of all forms."""
    assert isinstance(client.app, FastAPI)
    routes = [route for route in iter_route_contexts(client.app.routes) if "POST" in (route.methods or ())]
    paths = [re.sub(r"{\w+}", str(uuid4()), str(route.path)) for route in routes]
    paths = [path for path in paths if not path.startswith("/api/")]
    assert len(paths) > 20
    return paths


def send(browser: TestClient, path: str, kind: str, body: bytes) -> int:
    """Send a form, and return the status."""
    return browser.post(path, content=body, headers={"Content-Type": kind}).status_code


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "raw_unicode_escape", "idna", "undefined"])
def test_form_in_another_charset_is_rejected(client: TestClient, ada: User, charset: str) -> None:
    body = FIELD % (b"csrf_token", b"\\ud800.a") + b"--x--\r\n"

    for browser in (open_browser(client), open_browser(client, ada)):
        statuses = {send(browser, path, f"{MULTIPART}; charset={charset}", body) for path in form_paths(client)}
        assert statuses == {415}


def test_form_in_another_charset_gets_an_error_page(client: TestClient) -> None:
    response = open_browser(client).post("/login", content=b"", headers={"Content-Type": f"{MULTIPART}; charset=utf-7"})

    assert "Forms must be sent as UTF-8" in read_page(response).text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("multipart/form-data", b"--x--\r\n", id="no-boundary"),
        pytest.param("multipart/form-data; boundary=", b"--\r\n", id="empty-boundary"),
        pytest.param(f"multipart/form-data; boundary={'x' * 300}", b"--x--\r\n", id="long-boundary"),
        pytest.param(MULTIPART, b"junk", id="junk"),
        pytest.param(MULTIPART, b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", id="no-name"),
        pytest.param(MULTIPART, b"--x\r\n\r\n1\r\n--x--", id="no-headers"),
        pytest.param(MULTIPART, b"--x\r\nA\xe9: \xff\r\n\r\n1\r\n--x--", id="malformed-header"),
        pytest.param(MULTIPART, FIELD % (b"a", b"1") * 1001 + b"--x--", id="too-many-fields"),
        pytest.param(MULTIPART, FILE % (b"a", b"b", b"1") * 1001 + b"--x--", id="too-many-files"),
        pytest.param("application/x-www-form-urlencoded", b"a=1&" * 1001, id="too-many-values"),
        pytest.param("application/x-www-form-urlencoded", b"csrf_token=%E9", id="not-utf-8"),
    ],
)
def test_malformed_form_is_rejected(client: TestClient, ada: User, kind: str, body: bytes) -> None:
    browser = open_browser(client, ada)

    assert {send(browser, path, kind, body) for path in form_paths(client)} <= {400, 401, 403, 404, 422}


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xed\xa0\x80", b"a\x00b", "\ufffe".encode(), b"1" * 5000])
def test_odd_bytes_in_a_form_never_cause_a_server_error(client: TestClient, ada: User, value: bytes) -> None:
    browser = open_browser(client, ada)
    token = str(read_page(browser.get("/account")).forms["/account"]["csrf_token"]).encode()

    for part in (FIELD, FILE):
        fields = b"".join(part % (name, *[value] * (part.count(b"%b") - 1)) for name in NAMES)
        body = FIELD % (b"csrf_token", token) + fields + b"--x--\r\n"
        assert max(send(browser, path, MULTIPART, body) for path in form_paths(client)) < 500
