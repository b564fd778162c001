"""Forms and JSON in other encodings than UTF-8 are rejected before a route reads them."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter, Request
from starlette.testclient import TestClient

from tests.support import problem_of

pytestmark = pytest.mark.any_database

FORM = "application/x-www-form-urlencoded"
OTHER_CHARSETS = ["unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "idna", "latin-1", "", "utf-8-sig", "x"]


@pytest.fixture
def forms(client: TestClient, add_routes: Callable[[APIRouter], None]) -> TestClient:
    """Return an app with a route that reads a form."""
    router = APIRouter()

    @router.post("/api/v1/form")
    async def echo(request: Request) -> str:
        return (await request.body()).decode()

    add_routes(router)
    return client


@pytest.mark.parametrize("charset", OTHER_CHARSETS)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", FORM, "application/json", "Application/X+JSON"])
def test_other_charset_is_rejected(client: TestClient, kind: str, charset: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\\ud800\r\n--x--\r\n'

    for parameter in (f"charset={charset}", f'CHARSET = "{charset}"', f"charset=utf-8; charset={charset}"):
        headers = {"Content-Type": f"{kind}; {parameter}"}
        assert problem_of(client.post("/api/v1/auth/login", content=body, headers=headers))["status"] == 415


@pytest.mark.parametrize("parameter", ["charset*=utf-8''utf-7", "charset*0=utf-; charset*1=7"])
def test_other_charset_in_any_notation_is_rejected(client: TestClient, parameter: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary=x; {parameter}"}

    assert client.post("/api/v1/auth/login", content=b"--x--", headers=headers).status_code == 415


@pytest.mark.parametrize("parameter", ["", "; charset=utf-8", '; Charset="UTF-8"', "; charset=utf8; a=b"])
def test_utf_8_is_accepted(forms: TestClient, parameter: str) -> None:
    response = forms.post("/api/v1/form", content=b"word=na%C3%AFve+%25", headers={"Content-Type": FORM + parameter})

    assert response.json() == "word=na%C3%AFve+%25"


def test_plain_text_in_another_charset_is_accepted(client: TestClient) -> None:
    response = client.post("/api/v1/nowhere", content=b"\xe9", headers={"Content-Type": "text/xml; charset=latin-1"})

    assert response.status_code == 404


@pytest.mark.parametrize(
    "body", [b"word=caf%E9", b"word=%C3", b"word=%C3&other=%A9", b"word=%ED%A0%80", "word=café".encode(), b"%FF=a"]
)
def test_form_that_is_not_percent_encoded_utf_8_is_rejected(forms: TestClient, body: bytes) -> None:
    headers = {"Content-Type": FORM}

    for content in (body, iter([body[index : index + 1] for index in range(len(body))])):
        assert problem_of(forms.post("/api/v1/form", content=content, headers=headers))["status"] == 422


def test_form_can_be_sent_in_chunks(forms: TestClient) -> None:
    body = b"word=%C3%A9%F0%9F%98%80&b=%25%&c=%zz"
    pieces = iter([body[index : index + 1] for index in range(len(body))])

    assert forms.post("/api/v1/form", content=pieces, headers={"Content-Type": FORM}).json() == body.decode()
