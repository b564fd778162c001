"""A shop from a file of resources: lines keep their price, only buyers review, by the docs."""

import re
import shutil
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.from_files import edit, generate_from
from tests.line_counts import lines_of, touched_lines
from tests.serving import run_dev

SCHEMAS = TEMPLATE / "tests" / "schemas"
RULES = "tests/features/orders/test_shop_rules.py"
RECIPES = re.compile(r"# (app|tests)/features/(order_lines|reviews)/")
MAX_LINES = 80
LINE = 'other = add_product(as_ada)["id"]'
REVIEW = 'added = add_review(as_ada, product_id=parent["id"])'
IMPORT = "from tests.features.products.helpers import add_product, product_url\n"
# A line reads the price, locks the order and updates it; changes load the row first.
TEST_EDITS = {
    "order_lines/test_api.py": [
        ('f"POST {ORDER_LINES}": 4', 'f"POST {ORDER_LINES}": 7'),
        ('f"PATCH {ORDER_LINE_PATH}": 3', 'f"PATCH {ORDER_LINE_PATH}": 6'),
        ('f"DELETE {ORDER_LINE_PATH}": 3', 'f"DELETE {ORDER_LINE_PATH}": 6'),
    ],
    "reviews/test_api.py": [
        ('f"POST {REVIEWS}": 3', 'f"POST {REVIEWS}": 4'),
        (LINE, 'other = add_order_line(as_ada)["product_id"]'),
        (REVIEW, f'add_order_line(as_ada, product_id=parent["id"])\n    {REVIEW}'),
        (IMPORT, f"from tests.features.order_lines.helpers import add_order_line\n{IMPORT}"),
    ],
    "reviews/test_pages.py": [('"POST /reviews/new": 3', '"POST /reviews/new": 4')],
}


def test_shop_needs_at_most_eighty_lines_by_hand(bake: Bake, type_cache: Path) -> None:
    project = bake()
    features = generate_from(project, SCHEMAS / "shop.txt")
    generated = lines_of(project)

    for kind, text in blocks_of("how-to.md"):
        if RECIPES.match(text):
            run_block(project, kind, text)
    for name, edits in TEST_EDITS.items():
        edit(project / "tests/features" / name, edits)

    written = lines_of(project)
    changes = {name: touched_lines(lines, written[name]) for name, lines in generated.items()}
    assert set(written) == set(generated)
    assert 0 < sum(changes.values()) <= MAX_LINES
    shutil.copy(SCHEMAS / "shop_rules.txt", project / RULES)
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    others = ["tests/api/test_access_control.py", "tests/database/test_migrations.py"]
    chosen = [*features, *others]
    run_dev(project, "test", "--database", "both", *chosen)
