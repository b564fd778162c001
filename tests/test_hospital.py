"""A hospital from a file of resources: appointments don't overlap, by the recipe in the docs."""

import shutil
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.from_files import edit, generate_from
from tests.serving import run_dev

SCHEMAS = TEMPLATE / "tests" / "schemas"
RECIPE = "# app/features/appointments/"
MAX_LINES = 40
# One query locks the doctor and one looks for overlaps; before a change, the row is loaded.
QUERIES = {
    "test_api.py": [
        ('"POST {APPOINTMENTS}": 5', '"POST {APPOINTMENTS}": 7'),
        ('"PATCH {APPOINTMENT_PATH}": 3', '"PATCH {APPOINTMENT_PATH}": 6'),
    ],
    "test_pages.py": [
        ('"POST /appointments/new": 5', '"POST /appointments/new": 7'),
        ('/edit": 3', '/edit": 6'),
    ],
}


def test_appointments_of_a_doctor_never_overlap(bake: Bake, type_cache: Path) -> None:
    project = bake()
    generated = generate_from(project, SCHEMAS / "hospital.txt")
    recipe = [block for block in blocks_of("how-to.md") if block[1].startswith(RECIPE)]

    for kind, text in recipe:
        run_block(project, kind, text)

    written = [line for _, text in recipe for line in text.splitlines() if line.startswith("+")]
    assert 0 < len(written) <= MAX_LINES
    tests = project / "tests/features/appointments"
    for name, numbers in QUERIES.items():
        edit(tests / name, numbers)
    shutil.copy(SCHEMAS / "hospital_overlaps.txt", tests / "test_overlaps.py")
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", *generated)
