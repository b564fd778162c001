"""Uploads are checked by their bytes, and stored whole or not at all."""

import zipfile
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.files.models import File
from tests.files.helpers import HTML, PDF, SVG, TEXT, image_bytes, stored_keys
from tests.support import in_database, problem_of

DOCUMENTS = "/api/v1/test-files/documents"
PICTURES = "/api/v1/test-files/pictures"

pytestmark = pytest.mark.any_database


def named(name: str) -> dict[str, str]:
    """Return the header with the name of a file, percent-encoded."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}


def count_files(client: TestClient) -> int:
    """Return the number of rows."""
    return in_database(client, lambda session: session.scalar(select(func.count()).select_from(File))) or 0


def message_of(client: TestClient, path: str, content: bytes, headers: dict[str, str] | None = None) -> str:
    """Return the message of a rejected file, after checking that nothing of it is left."""
    before = stored_keys(client)
    problem = problem_of(client.put(path, content=content, headers=headers))
    assert problem["status"] == 422
    assert stored_keys(client) == before
    assert count_files(client) == 0
    (error,) = problem["errors"]
    return str(error["msg"])


def test_upload_stores_bytes_and_row(as_ada: TestClient) -> None:
    response = as_ada.put(DOCUMENTS, content=PDF, headers=named("Plan%20B.pdf"))

    assert response.status_code == 200, response.text
    file = response.json()
    assert (file["name"], file["media_type"], file["size"]) == ("Plan B.pdf", "application/pdf", len(PDF))
    assert file["sha256"] == sha256(PDF).hexdigest()
    assert as_ada.get(f"/api/v1/test-files/{file['id']}").content == PDF


def test_upload_by_form(as_ada: TestClient) -> None:
    response = as_ada.post(DOCUMENTS, files={"file": ("notes.txt", TEXT, "application/x-anything")})

    assert response.status_code == 200, response.text
    assert (response.json()["name"], response.json()["media_type"]) == ("notes.txt", "text/plain")


def test_upload_may_be_larger_than_other_bodies_up_to_its_limit(as_ada: TestClient) -> None:
    content = PDF + bytes(3_000_000 - len(PDF))

    assert as_ada.put(DOCUMENTS, content=content).json()["size"] == 3_000_000
    assert as_ada.post(DOCUMENTS, files={"file": ("a.pdf", content)}).json()["size"] == 3_000_000


@pytest.mark.parametrize("extra", [1, 100_000])
def test_upload_over_the_limit_returns_413_and_leaves_nothing(as_ada: TestClient, extra: int) -> None:
    content, before = PDF + bytes(3_000_000 - len(PDF) + extra), stored_keys(as_ada)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    for body in (content, chunks()):
        assert problem_of(as_ada.put(DOCUMENTS, content=body))["status"] == 413
    assert problem_of(as_ada.post(DOCUMENTS, files={"file": ("a.pdf", content)}))["status"] == 413
    assert stored_keys(as_ada) == before
    assert count_files(as_ada) == 0


def test_bodies_of_other_routes_keep_their_limit(as_ada: TestClient) -> None:
    assert as_ada.post("/api/v1/auth/login", content=b" " * 1_100_000).status_code == 413


def test_failed_request_leaves_no_row(as_ada: TestClient) -> None:
    response = as_ada.post(DOCUMENTS, files={"file": ("a.pdf", PDF)}, data={"fails": "true"})

    assert response.status_code == 500
    assert count_files(as_ada) == 0


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SVG, id="svg-with-script"),
        pytest.param(HTML, id="html"),
        pytest.param(b"GIF89a" + HTML, id="gif-that-is-html"),
        pytest.param(b"MZ\x90\x00", id="program"),
        pytest.param(image_bytes("BMP"), id="bmp"),
    ],
)
def test_type_is_detected_from_the_bytes(as_ada: TestClient, content: bytes) -> None:
    headers = named("cat.png") | {"Content-Type": "image/png"}

    assert message_of(as_ada, PICTURES, content, headers) in {
        "Files of this type are not accepted",
        "The image is damaged",
    }


def test_html_is_only_ever_text(as_ada: TestClient) -> None:
    file = as_ada.put(DOCUMENTS, content=HTML, headers=named("page.html") | {"Content-Type": "text/html"}).json()

    assert (file["name"], file["media_type"]) == ("page.html.txt", "text/plain")


def test_empty_file_is_rejected(as_ada: TestClient) -> None:
    assert message_of(as_ada, DOCUMENTS, b"") == "The file is empty"
    assert problem_of(as_ada.post(DOCUMENTS, files={"file": ("a.pdf", b"")}))["status"] == 422


def zip_bytes(*names: str, size: int = 10) -> bytes:
    """Return an archive with these members of zeros."""
    output = BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(size))
    return output.getvalue()


def test_office_file_is_told_from_other_archives(as_ada: TestClient) -> None:
    office = zip_bytes("[Content_Types].xml", "word/document.xml")

    word = as_ada.put(DOCUMENTS, content=office, headers=named("letter.docx")).json()
    archive = as_ada.put(DOCUMENTS, content=zip_bytes("a.txt"), headers=named("letter.docx")).json()

    assert word["media_type"].endswith("wordprocessingml.document")
    assert (archive["media_type"], archive["name"]) == ("application/zip", "letter.docx.zip")


def test_archive_is_never_unpacked(as_ada: TestClient) -> None:
    bomb = zip_bytes(*(f"{number}.bin" for number in range(4)), size=50_000_000)

    file = as_ada.put(DOCUMENTS, content=bomb, headers=named("bomb.zip")).json()

    assert file["size"] == len(bomb) < 1_000_000


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param("..%2F..%2Fetc%2Fpasswd", "passwd.pdf", id="path"),
        pytest.param("C%3A%5CUsers%5Cada%5Cplan.pdf", "plan.pdf", id="windows-path"),
        pytest.param("%2F", "file.pdf", id="nothing-left"),
        pytest.param("..", "file.pdf", id="dots"),
        pytest.param("a%0D%0ASet-Cookie%3A%20x%00.pdf", "aSet-Cookie x.pdf", id="control-characters"),
        pytest.param("invoice%E2%80%AEfdp.exe", "invoicefdp.exe.pdf", id="bidi"),
        pytest.param("page.html", "page.html.pdf", id="other-extension"),
        pytest.param("R%C3%A9sum%C3%A9.PDF", "Résumé.PDF", id="unicode"),
        pytest.param("x" * 5000 + ".pdf", "x" * 251 + ".pdf", id="long"),
        pytest.param("%F0%9F%92%A9" * 1300, "💩" * 251 + ".pdf", id="long-emoji"),
    ],
)
def test_name_is_cleaned(as_ada: TestClient, sent: str, stored: str) -> None:
    file = as_ada.put(DOCUMENTS, content=PDF, headers=named(sent)).json()

    assert file["name"] == stored
    response = as_ada.get(f"/api/v1/test-files/{file['id']}")
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "\n" not in response.headers["Content-Disposition"]


def test_key_tells_nothing(as_ada: TestClient) -> None:
    before = stored_keys(as_ada)

    first, second = (as_ada.put(DOCUMENTS, content=PDF, headers=named("plan.pdf")).json() for _ in range(2))

    keys = stored_keys(as_ada) - before
    assert len(keys) == 2
    assert not any("plan" in key or first["id"] in key or second["id"] in key for key in keys)
