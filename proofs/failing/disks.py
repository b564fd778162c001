"""Small disks in memory, which can be full; they need root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofs.failing.helpers import find_program

MB = 1_000_000
BALLAST = "ballast"


class Disk:
    """A file system of its own, or just a folder without root."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self._size = folder, megabytes * MB

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Mount it while in use."""
        self.folder.mkdir(parents=True)
        if os.geteuid() != 0:
            yield
            return
        options = f"size={self._size},mode=777"
        mount = [find_program("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        subprocess.run(mount, check=True)
        try:
            yield
        finally:
            subprocess.run([find_program("umount"), "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Write until nothing more fits."""
        assert os.geteuid() == 0, "needs root"
        with (self.folder / BALLAST).open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return

    def free(self) -> None:
        """Delete what was written to fill it."""
        (self.folder / BALLAST).unlink(missing_ok=True)
