"""Files are served with ranges and validators, and never act as a page of the site."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.files.models import File
from tests.files.helpers import HTML, PDF, TEXT, image_bytes
from tests.support import in_database, problem_of

FILES = "/api/v1/test-files"
LARGE = PDF + bytes(range(256)) * 9000  # several chunks of the store

pytestmark = pytest.mark.any_database


def upload(client: TestClient, content: bytes, name: str = "a.pdf", path: str = "documents") -> str:
    """Upload a file and return its URL."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = client.put(f"{FILES}/{path}", content=content, headers=headers)
    assert response.status_code == 200, response.text
    return f"{FILES}/{response.json()['id']}"


def test_whole_file(as_ada: TestClient) -> None:
    response = as_ada.get(upload(as_ada, LARGE))

    assert response.status_code == 200
    assert response.content == LARGE
    assert response.headers["Content-Length"] == str(len(LARGE))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        pytest.param("bytes=0-9", 0, 10, id="first"),
        pytest.param("bytes=1048570-1048585", 1_048_570, 1_048_586, id="across-chunks"),
        pytest.param("bytes=2000000-", 2_000_000, len(LARGE), id="rest"),
        pytest.param("bytes=-100", len(LARGE) - 100, len(LARGE), id="last"),
        pytest.param("bytes=-99999999", 0, len(LARGE), id="last-more-than-all"),
        pytest.param("bytes=5-99999999", 5, len(LARGE), id="over-the-end"),
        pytest.param("bytes = 3 - 3", 3, 4, id="spaces"),
    ],
)
def test_range(as_ada: TestClient, header: str, start: int, end: int) -> None:
    response = as_ada.get(upload(as_ada, LARGE), headers={"Range": header})

    assert response.status_code == 206
    assert response.content == LARGE[start:end]
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"
    assert response.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize(
    "header", ["bytes=1-2,5-6", "lines=1-2", "bytes=-", "bytes=9-1", "bytes=a-b", f"bytes={'9' * 50}-"]
)
def test_other_ranges_are_ignored(as_ada: TestClient, header: str) -> None:
    response = as_ada.get(upload(as_ada, PDF), headers={"Range": header})

    assert response.status_code == 200
    assert response.content == PDF


@pytest.mark.parametrize("header", [f"bytes={len(PDF)}-", "bytes=-0"])
def test_range_after_the_end_returns_416(as_ada: TestClient, header: str) -> None:
    response = as_ada.get(upload(as_ada, PDF), headers={"Range": header})

    assert problem_of(response)["status"] == 416
    assert response.headers["Content-Range"] == f"bytes */{len(PDF)}"


def test_validators(as_ada: TestClient) -> None:
    url = upload(as_ada, PDF)
    tag = as_ada.get(url).headers["ETag"]

    for sent in (tag, f'"other", W/{tag}', f"{tag}, *"):
        response = as_ada.get(url, headers={"If-None-Match": sent})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == tag
    assert as_ada.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert as_ada.get(url, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    for other in ('"other"', f"W/{tag}", "Mon, 30 Nov 2026 00:00:00 GMT"):
        assert as_ada.get(url, headers={"Range": "bytes=0-1", "If-Range": other}).status_code == 200


def test_head_reads_nothing(as_ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    url = upload(as_ada, LARGE)
    monkeypatch.setattr(as_ada.app_state["files"], "read", None)

    response = as_ada.head(url)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(LARGE))


@pytest.mark.parametrize(
    ("content", "name", "path", "disposition"),
    [
        pytest.param(image_bytes(), "a.png", "pictures", "inline", id="image"),
        pytest.param(TEXT, "a.txt", "documents", "inline", id="text"),
        pytest.param(HTML, "a.html", "documents", "inline", id="html-as-text"),
        pytest.param(b"a,b\n1,2\n", "a.csv", "documents", "attachment", id="csv"),
        pytest.param(PDF, "a.pdf", "documents", "attachment", id="pdf"),
    ],
)
def test_content_cannot_act_as_a_page(
    as_ada: TestClient, content: bytes, name: str, path: str, disposition: str
) -> None:
    url = upload(as_ada, content, name, path)

    response = as_ada.get(url)

    assert response.headers["Content-Disposition"].startswith(f"{disposition}; ")
    assert response.headers["Content-Type"].partition(";")[0] in {
        "image/png", "text/plain", "text/csv", "application/pdf",
    }  # fmt: skip
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert response.headers["Content-Security-Policy"].endswith("; sandbox")
    assert as_ada.get(f"{url}?download=true").headers["Content-Disposition"].startswith("attachment; ")


def test_name_for_clients_old_and_new(as_ada: TestClient) -> None:
    headers = {"Content-Disposition": "attachment; filename*=UTF-8''R%C3%A9sum%C3%A9%20%27100%25%27.pdf"}
    file = as_ada.put(f"{FILES}/documents", content=PDF, headers=headers).json()

    disposition = as_ada.get(f"{FILES}/{file['id']}").headers["Content-Disposition"]

    assert disposition == (
        "attachment; filename=\"R_sum_ '100_'.pdf\"; filename*=UTF-8''R%C3%A9sum%C3%A9%20%27100%25%27.pdf"
    )


def test_file_without_bytes_returns_404(as_ada: TestClient) -> None:
    url = upload(as_ada, PDF)
    key = in_database(as_ada, lambda session: session.scalar(select(File.key)))
    assert as_ada.portal is not None
    as_ada.portal.call(as_ada.app_state["files"].delete, [key])

    assert problem_of(as_ada.get(url))["title"] == "File not found"


def test_store_on_disk(start_app: Callable[..., TestClient], as_ada: TestClient, tmp_path: Path) -> None:
    client = start_app(files={"url": f"file:{tmp_path}/a/b"})
    client.headers.update(as_ada.headers)

    url = upload(client, LARGE)

    assert client.get(url).content == LARGE
    (stored,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.is_relative_to(tmp_path / "a" / "b")]
    assert stored.read_bytes() == LARGE


def test_unusable_store_returns_503_and_nothing_is_lost(
    start_app: Callable[..., Any], as_ada: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "files"
    client = start_app(files={"url": f"file:{folder}"})
    client.headers.update(as_ada.headers)
    url = upload(client, PDF)
    folder.rename(tmp_path / "moved")
    folder.write_text("not a directory")

    response = client.put(f"{FILES}/documents", content=PDF)

    assert problem_of(response)["title"] == "Files are unavailable"
    assert response.status_code == 503
    assert str(folder) not in response.text
    assert "file store" in caplog.text
    assert in_database(client, lambda session: session.scalar(select(File.id).offset(1))) is None
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    assert client.get(url).content == PDF
