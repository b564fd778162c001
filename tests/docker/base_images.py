"""Base images built from Debian packages, for machines without access to a registry."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.docker.engine import SEARCH_PATH, Engine

HERE = Path(__file__).parent / "images"
SUITE = "trixie"
ROOTS = {
    "python": "python3,python3-pip,python3-venv,ca-certificates,netbase,tzdata",
    "postgres": "postgresql-17,gosu",
}
TAGS = {"python": "python:3.13-slim", "postgres": "postgres:17"}
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_CONF = Path("/etc/pip.conf")


def provide_base_images(engine: Engine) -> None:
    """Import every image that our `FROM` and `image:` lines reference."""
    for archive, builder in _start_missing_roots().items():
        if builder is not None and builder.wait():
            raise AssertionError(f"mmdebstrap failed, see {_log(archive)}")
        if builder is not None:
            _partial(archive).rename(archive)
    context = _create_context(engine.folder / "base-images")
    for name, tag in TAGS.items():
        engine.run("docker", "import", _archive(name), f"fireup-{name}")
        _build(engine, name, tag, context)


def provide_caddy(engine: Engine, program: Path) -> None:
    """Build an image of this Caddy. The base images must be there."""
    context = engine.folder / "caddy"
    context.mkdir()
    shutil.copy(program, context)
    _build(engine, "caddy", "caddy:2", context)


def provide_packaged(engine: Engine, name: str, tag: str) -> None:
    """Build an image with a program of Debian, such as Redis. The base images must be there."""
    context = engine.folder / name
    context.mkdir()
    _build(engine, name, tag, context, network="host")  # installs packages


def _build(engine: Engine, name: str, tag: str, context: Path, network: str = "none") -> None:
    dockerfile = str(HERE / f"{name}.Dockerfile")
    options = ["--quiet", f"--network={network}", "--file", dockerfile, "--tag", tag]
    engine.run("docker", "build", *options, context)


def _start_missing_roots() -> dict[Path, subprocess.Popen[bytes] | None]:
    """Start building the root file systems that are not cached, in parallel."""
    return {
        _archive(name): None if _archive(name).exists() else _start_root(name) for name in ROOTS
    }


def _start_root(name: str) -> subprocess.Popen[bytes]:
    archive = _archive(name)
    archive.parent.mkdir(parents=True, exist_ok=True)
    unneeded = [
        f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")
    ]
    command = [
        "mmdebstrap",
        "--variant=minbase",
        *unneeded,
        f"--include={ROOTS[name]}",
        SUITE,
        str(_partial(archive)),
    ]
    with _log(archive).open("wb") as log:
        return subprocess.Popen(
            command,
            env=os.environ | {"PATH": SEARCH_PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _archive(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "fireup" / f"{SUITE}-{name}.tar"


def _partial(archive: Path) -> Path:
    return archive.with_suffix(f".{os.getpid()}.tar")


def _log(archive: Path) -> Path:
    return archive.with_suffix(".log")


def _create_context(folder: Path) -> Path:
    """Create the build context.

    Builds use this machine's CA certificates and pip configuration.
    """
    folder.mkdir()
    shutil.copy(HERE / "entrypoint.sh", folder)
    shutil.copy(CA_BUNDLE, folder)
    (folder / "pip.conf").write_text(PIP_CONF.read_text() if PIP_CONF.exists() else "")
    return folder
