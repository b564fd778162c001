"""Resources under another one: their generated tests pass, and fail without the rules."""

import re
import sys

from tests.baking import TEMPLATE, Bake
from tests.serving import run_dev, run_in
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


def test_generated_rules_hold_and_their_tests_fail_without_them(bake: Bake) -> None:
    project = installed(bake())
    text = (TEMPLATE / "docs/resources.md").read_text(encoding="utf-8")
    part = text.partition("## Resources under another one")[2]
    for line in re.findall(r"^app (new resource .*)$", part.partition("\n## ")[0], re.MULTILINE):
        run_app(project, line)
    others = ["tests/api/test_access_control.py", "tests/database/test_migrations.py"]
    run_dev(project, "test", "-n", "auto", "--database", "both", *FOLDERS, *others)

    for feature, changes in WEAKENED.items():
        for rule, weaker in changes:
            change(project / "app/features" / feature / "service.py", rule, weaker)
    command = ["test", "-n", "auto", "--database", "sqlite", *FOLDERS, "-k", "api"]
    tested = run_in(project, [sys.executable, "dev.py", *command]).stdout

    failed = re.findall(r"^FAILED .*/(\w+)/test_\w+\.py::test_(\w+)", tested, re.MULTILINE)
    assert {": ".join(parts) for parts in failed} == FAILING
