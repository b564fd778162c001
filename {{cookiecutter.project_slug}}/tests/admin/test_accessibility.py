"""Landmarks and labels for screen readers. The template's tests check pages in a browser."""

import pytest
from starlette.testclient import TestClient

from tests.admin.browser import listed_ids, page_text

pytestmark = pytest.mark.any_database


def test_page_has_skip_link_and_main_landmark(browser: TestClient) -> None:
    for page in ("/admin/", "/admin/sample-note/list", "/admin/sample-note/create", "/admin/nothing-is-here"):
        source = browser.get(page).text

        assert source.count('role="main" id="content" tabindex="-1"') == 1
        assert source.count('href="#content"') == 1


def test_confirmation_dialog_is_labelled_by_its_question(browser: TestClient) -> None:
    user = listed_ids(browser, "user")[0]

    for page in ("/admin/user/list", f"/admin/user/detail?pk={user}"):
        assert 'aria-labelledby="modal-action-title actionConfirmation"' in browser.get(page).text


def test_boolean_has_a_text_alternative(browser: TestClient) -> None:
    user = listed_ids(browser, "user")[0]

    for page in ("/admin/user/list", f"/admin/user/detail?pk={user}"):
        assert " Yes " in page_text(browser.get(page))


def test_theme_is_offered_only_when_scripts_run(browser: TestClient) -> None:
    assert '<label class="side-theme" hidden>' in browser.get("/admin/").text
