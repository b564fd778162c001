"""`ETag` and `If-Match`, over one's own account as the record at hand."""

import pytest
from starlette.testclient import TestClient

from tests.support import problem_of

pytestmark = pytest.mark.any_database

ME = "/api/v1/users/me"


def test_etag_changes_with_the_record(as_ada: TestClient) -> None:
    before = as_ada.get(ME).headers["ETag"]

    changed = as_ada.patch(ME, json={"display_name": "Ada"})

    assert changed.headers["ETag"] != before
    assert as_ada.get(ME).headers["ETag"] == changed.headers["ETag"]


@pytest.mark.parametrize("tags", ['"{}"', '"0", "{}"', "*", " * "])
def test_matching_tag_lets_a_change_through(as_ada: TestClient, tags: str) -> None:
    version = as_ada.get(ME).json()["version"]

    answer = as_ada.patch(ME, json={"display_name": "Ada"}, headers={"If-Match": tags.format(version)})

    assert answer.status_code == 200


@pytest.mark.parametrize("tags", ['"0"', "{}", 'W/"{}"', '"0", "00"', ""])
def test_other_tags_refuse_it(as_ada: TestClient, tags: str) -> None:
    """A weak tag never matches here: RFC 9110 §13.1.1."""
    account = as_ada.get(ME).json()

    answer = as_ada.patch(ME, json={"display_name": "X"}, headers={"If-Match": tags.format(account["version"])})

    assert problem_of(answer)["type"] == "urn:problem:VersionConflict"
    assert answer.status_code == 412
    assert as_ada.get(ME).json() == account


def test_without_a_tag_the_last_change_wins(as_ada: TestClient) -> None:
    for name in ("first", "second"):
        assert as_ada.patch(ME, json={"display_name": name}).status_code == 200

    assert as_ada.get(ME).json()["display_name"] == "second"
