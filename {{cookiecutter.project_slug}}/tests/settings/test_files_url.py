"""`FILES_URL`: valid forms, and errors that don't leak keys."""

import pytest
from pydantic import ValidationError

from app.settings.config import load_settings
from app.settings.files_url import FilesLocation, parse_files_url

SECRET = "a secret key of forty-two random characters"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("file:uploads", FilesLocation("file", "uploads", {})),
        ("file:/var/lib/uploads", FilesLocation("file", "/var/lib/uploads", {})),
        ("file:///var/lib/uploads", FilesLocation("file", "/var/lib/uploads", {})),
        ("memory:", FilesLocation("memory", "", {})),
        ("s3://bucket", FilesLocation("s3", "bucket", {})),
        ("gs://bucket/a/b/", FilesLocation("gs", "bucket/a/b", {})),
        (
            "s3://bucket/a?endpoint=https://s3.test&secret_access_key=x%2By",
            FilesLocation("s3", "bucket/a", {"endpoint": "https://s3.test", "secret_access_key": "x+y"}),
        ),
        ("az://box?account_name=ada", FilesLocation("az", "box", {"account_name": "ada"})),
    ],
)
def test_files_url_is_parsed(url: str, location: FilesLocation) -> None:
    assert parse_files_url(url) == location


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("uploads", id="no-scheme"),
        pytest.param("ftp://hush@example.com", id="scheme"),
        pytest.param("file:", id="no-directory"),
        pytest.param("file://uploads", id="host-of-a-directory"),
        pytest.param("memory:hush", id="name-of-memory"),
        pytest.param("s3://", id="no-bucket"),
        pytest.param("s3:bucket", id="no-slashes"),
        pytest.param("s3://key:hush@bucket", id="password"),
        pytest.param("s3://bucket#hush", id="fragment"),
        pytest.param("s3://bucket[hush", id="bracket"),
    ],
)
def test_invalid_files_url_is_rejected_without_leaking_keys(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FILES_URL", url)

    with pytest.raises(ValidationError) as error:
        load_settings(secret_key=SECRET)

    (problem,) = error.value.errors()
    assert problem["loc"] == ("files", "url")
    assert problem["msg"].startswith("Value error, use ")
    assert "hush" not in str(error.value)
