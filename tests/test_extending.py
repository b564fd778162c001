"""The blocks of docs/extending.md, then those of docs/resources.md, work in a new project."""

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import run_dev


def test_tutorial_works_block_by_block(bake: Bake) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    before = {path for path in project.glob("app/**/*") if path.suffix in {".py", ".html"}}
    blocks = blocks_of("extending.md") + blocks_of("resources.md")

    for kind, text in blocks:
        run_block(project, kind, text)

    assert len(blocks) > 15
    after = {path for path in project.glob("app/**/*") if path.suffix in {".py", ".html"}}
    assert {path.relative_to(project).parts[:3] for path in after - before} <= {
        ("app", "features", "imprint"),
        ("app", "features", "ingredients"),
        ("app", "features", "meetings"),
        ("app", "features", "products"),
        ("app", "features", "recipe_lines"),
        ("app", "features", "recipes"),
        ("app", "features", "reports"),
        ("app", "features", "stories"),
        ("app", "features", "tasks"),
        ("app", "features", "tickets"),
    }
