"""Resources under another one: their generated tests pass, and fail without the rules."""

import re
import sys

from tests.baking import TEMPLATE, Bake
from tests.serving import IN_ONE_PROCESS, run_dev, run_in
from tests.test_scaffold import change, installed, run_app

FOLDERS = [f"tests/features/{name}" for name in ("issues", "remarks", "reviews", "steps")]

WEAKENED = {
    "issues": [
        (".where(Issue.project_id.in_(projects))", ""),
        ("Issue.project_id == project_id, Issue.id == issue_id", "Issue.id == issue_id"),
    ],
    "reviews": [
        ("    await check_story(session, scope, story_id)\n", ""),
        ("reviews_for(scope).where(Review.story_id == story_id)", "reviews_for(scope)"),
    ],
    "steps": [("Step.recipe.has(Recipe.slug == recipe_slug), ", "")],
}
"""Feature → rules of its service, and what is left if someone removes them."""

FAILING = {
    "issues: issues_of_a_project_that_the_caller_does_not_see_are_not_found",
    "issues: issues_are_listed_under_their_project",
    "remarks: remarks_of_an_issue_that_the_caller_does_not_see_are_not_found",
    "reviews: reviews_of_an_unknown_story_are_not_found",
    "reviews: reviews_are_listed_under_their_story",
    "reviews: number_of_queries_per_route",
    "steps: steps_are_listed_under_their_recipe",
}


INLINE_TEST = '''
"""The form of a project saves its issues."""

import re

from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import save
from tests.features.issues.helpers import add_issue, issues_of, rows_in
from tests.web.browser import open_browser


def test_form_of_a_project_saves_its_issues(
    client: TestClient, as_ada: TestClient, admin: User, ada: User
) -> None:
    kept, removed = add_issue(as_ada, title="Kept"), add_issue(as_ada, title="Removed")
    browser = open_browser(client, admin)
    page = f"/admin/project/edit?pk={kept['project_id']}"
    shown = browser.get(page).text
    sent = dict(re.findall(r'name="(inlines[^"]+\\.(?:pk|_version))"\\s+value="([^"]*)"', shown))
    places = {value: name.removesuffix(".pk") for name, value in sent.items()}
    for row in (kept, removed):
        sent |= {f"{places[row['id']]}.{name}": row[name] for name in ("title", "number")}
    new = {"inlines.issue.7.title": "New", "inlines.issue.7.number": "77"}
    changes = {f"{places[kept['id']]}.title": "Changed", f"{places[removed['id']]}.DELETE": "1"}

    saved = save(browser, page, {"name": "Plan", "owner": str(ada.id), **sent, **changes, **new})

    assert saved.status_code == 303, saved.text
    titles = {row["title"] for row in rows_in(as_ada.get(issues_of(as_ada)))}
    assert titles == {"Changed", "New"}
'''


def test_generated_rules_hold_and_their_tests_fail_without_them(bake: Bake) -> None:
    project = installed(bake())
    text = (TEMPLATE / "docs/resources.md").read_text(encoding="utf-8")
    part = text.partition("## Resources under another one")[2]
    for line in re.findall(r"^app (new resource .*)$", part.partition("\n## ")[0], re.MULTILINE):
        run_app(project, line)
    added = project / "tests/features/issues/test_inline.py"
    added.write_text(INLINE_TEST, encoding="utf-8")
    others = ["tests/api/test_access_control.py", "tests/database/test_migrations.py"]
    run_dev(project, "test", "--database", "both", *FOLDERS, *others)

    for feature, changes in WEAKENED.items():
        for rule, weaker in changes:
            change(project / "app/features" / feature / "service.py", rule, weaker)
    command = ["test", "--database", "sqlite", *FOLDERS, "-k", "api"]
    tested = run_in(project, [sys.executable, "dev.py", *command], **IN_ONE_PROCESS).stdout

    failed = re.findall(r"^FAILED .*/(\w+)/test_\w+\.py::test_(\w+)", tested, re.MULTILINE)
    assert {": ".join(parts) for parts in failed} == FAILING
