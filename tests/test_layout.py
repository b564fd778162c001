"""The files of a project are the ones that we mean to give.

After adding, moving or deleting a file, look at what changes and accept it with

    python3 fireup.py test tests/test_layout.py --update-layout
"""

import pytest

from tests.baking import MINIMAL, TEMPLATE, Answer, Bake, tree

LAYOUTS: dict[str, dict[str, Answer]] = {"default": {}, "minimal": {**MINIMAL}}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_project_has_the_listed_files(
    name: str, baked: Bake, request: pytest.FixtureRequest
) -> None:
    listed = TEMPLATE / "tests" / "layout" / f"{name}.txt"
    files = "".join(f"{path}\n" for path in sorted(tree(baked(**LAYOUTS[name]))))
    if request.config.getoption("update_layout"):
        listed.write_text(files, encoding="utf-8", newline="\n")

    assert files.splitlines() == listed.read_text(encoding="utf-8").splitlines()
