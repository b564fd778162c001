"""`app client`, without the generators, which are downloaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]

pytestmark = pytest.mark.any_database


def add_program(name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a shell script on the PATH, and nothing else."""
    folder = Path("bin")
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder.resolve()))


def test_client_is_written_beside_its_document_and_can_be_written_again(
    app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_output = 'while [ "$1" != --output ]; do shift; done; /bin/mkdir -p "${2%/*}"; printf types > "$2"'
    add_program("npx", find_output, monkeypatch)

    for _ in range(2):
        done = app("client", "typescript", "web/api")
        assert (done.code, done.out) == (0, "Wrote web/api. It needs openapi-fetch.\n"), done.error

    assert sorted(path.name for path in Path("web/api").iterdir()) == ["openapi.json", "schema.d.ts"]
    assert Path("web/api/schema.d.ts").read_text(encoding="utf-8") == "types"


def test_folder_of_others_is_not_overwritten(app: Run) -> None:
    Path("web").mkdir()
    Path("web/index.ts").write_text("mine", encoding="utf-8")

    refused = app("client", "typescript", "web")
    is_file = app("client", "typescript", "web/index.ts")

    assert refused.error == "app: web has files that `app client` didn't write. Choose a new folder."
    assert is_file.error == "app: web/index.ts is a file. Choose a folder."
    assert [path.name for path in Path("web").iterdir()] == ["index.ts"]


def test_python_package_needs_a_name_that_can_be_imported(app: Run) -> None:
    refused = app("client", "python", "clients/my-api")

    assert refused.error == "app: my-api can't be imported. Choose a name with letters, digits and underscores."


def test_missing_node_is_reported(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert app("client", "typescript", "web").error == "app: npx was not found. Install Node.js, which includes it."
    assert not Path("web").exists()


def test_failure_of_the_generator_is_reported(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program("npx", "echo no route to host; exit 1", monkeypatch)

    failed = app("client", "typescript", "web")

    assert failed.code == 1
    assert failed.error.startswith("no route to host\napp: the generator failed.")
    assert not Path("web").exists()
