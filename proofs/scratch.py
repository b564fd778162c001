"""The folder of a proof, which is deleted at the end unless it is to be kept."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def add_keep(parser: argparse.ArgumentParser) -> None:
    """Add the option that keeps the folder."""
    parser.add_argument("--keep", action="store_true", help="keep the project and its log")


@contextmanager
def scratch_folder(*, keep: bool) -> Iterator[Path]:
    """Create a folder; delete it, or print where it is."""
    scratch = tempfile.mkdtemp(prefix="proof-")
    try:
        yield Path(scratch)
    finally:
        if keep:
            print(f"Kept {scratch}")
        else:
            shutil.rmtree(scratch)
