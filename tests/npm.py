"""npm packages that tests and benchmarks need, installed once in the cache folder."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import fireup


def installed(source: Path, *others: str) -> Path:
    """Return a folder with the packages of `package-lock.json`, and with these other files.

    npm verifies each package by its hash. To update a package, change package.json and run there

        npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
    """
    files = [source / name for name in ("package.json", "package-lock.json", *others)]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    folder = Path(fireup.dev.create_cache_folder(), f"node-{version}")
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="node-") as scratch:
            work = Path(scratch, "work")
            work.mkdir()
            for path in files:
                shutil.copy(path, work)
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run([str(shutil.which("npm")), "ci", *options], cwd=work, check=True)
            work.rename(folder)  # at once: a copy that was interrupted would be used later
    return folder
