"""Scores of a generated project's pages in Lighthouse.

    python3 -m benchmarks.lighthouse [--rounds N] [--write]

Lighthouse simulates a phone on a slow network. Needs Node 18.20 or later, npm and Chromium;
tests/npm.py installs Lighthouse.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import fireup
from benchmarks import page
from benchmarks.report import machine, table, writing_command_line
from tests import npm
from tests.serving import Server, Visitor, environment, serving

NODE = Path(__file__).with_name("node")
CATEGORIES = ("performance", "accessibility", "best-practices")
PAGES = {
    "home": "/",
    "notes": "/notes",
    "note": "/notes/{note}",
    "note form": "/notes/new",
    "account": "/account",
    "admin dashboard": "/admin/",
    "admin list": "/admin/note/list",
    "admin form": "/admin/note/create",
}
VISITOR_PAGES = {"sign-in": "/login", "sign-up": "/signup"}
QUICK: dict[str, object] = {
    "onlyCategories": ["accessibility", "best-practices"],
    "throttlingMethod": "provided",
    "disableFullPageScreenshot": True,
    **dict.fromkeys(("pauseAfterFcpMs", "pauseAfterLoadMs"), 0),
    **dict.fromkeys(("networkQuietThresholdMs", "cpuQuietThresholdMs"), 0),
}
"""Settings without the waiting, which only performance needs."""


@dataclass(frozen=True)
class Result:
    """What Lighthouse found on a page: scores from 0 to 100, and the names of failed audits."""

    scores: dict[str, int]
    failed: list[str]


def find_chromium() -> str | None:
    """Return the path of a Chromium, if there is one."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def missing_tools() -> list[str]:
    """Return the names of the missing Debian packages."""
    found = {
        "chromium": find_chromium(),
        "nodejs": shutil.which("node"),
        "npm": shutil.which("npm"),
    }
    return [name for name, path in found.items() if path is None]


def measure(
    urls: Mapping[str, str], cookies: str = "", *, rounds: int = 1, quick: bool = False
) -> dict[str, list[Result]]:
    """Return the results of each page, one per round; with `quick`, without performance."""
    asked = {
        "urls": urls,
        "headers": {"Cookie": cookies} if cookies else {},
        "settings": QUICK if quick else {"onlyCategories": CATEGORIES},
        "rounds": rounds,
    }
    done = subprocess.run(
        [str(shutil.which("node")), "lighthouse.mjs"],
        cwd=npm.installed(NODE, "lighthouse.mjs"),
        env={**environment(), "CHROME_PATH": find_chromium() or ""},
        input=json.dumps(asked),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: [Result(**result) for result in results] for name, results in found.items()}


def signed_in_cookies(server: Server) -> str:
    """Sign in as the admin, and return the Cookie header."""
    visitor, (email, password) = Visitor(server.address), server.credentials()
    answer = visitor.fill_in("/login", email=email, password=password)
    assert "/login" not in answer.url, answer.text
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)


def create_notes(server: Server) -> str:
    """Create a page of notes, and return the ID of one."""
    visitor, (email, password) = Visitor(server.address), server.credentials()
    signed_in = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
    for number in range(25):
        note = {"title": f"Things to do, part {number}", "body": "Bread, butter, and milk."}
        made = visitor.post_json("/api/v1/notes", note, signed_in.body["access_token"])
    return str(made.body["id"])


def main() -> None:
    """Measure and print a Markdown table."""
    parser = writing_command_line("lighthouse")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if missing := missing_tools():
        parser.error(f"missing: apt install {' '.join(missing)}")
    with tempfile.TemporaryDirectory() as name:
        project = fireup.generate(Path(name) / "my_project", {})
        with serving(project, Path(name) / "log.txt") as server:
            note, cookies = create_notes(server), signed_in_cookies(server)
            visited = {page: server.address + path for page, path in VISITOR_PAGES.items()}
            urls = {page: server.address + path.format(note=note) for page, path in PAGES.items()}
            found = measure(visited, rounds=options.rounds)
            found |= measure(urls, cookies, rounds=options.rounds)
    rows = [
        [name, *(_median_and_range([one.scores[key] for one in results]) for key in CATEGORIES)]
        for name, results in found.items()
    ]
    text = f"{machine(load)} Scores of at most 100, the median of {options.rounds} rounds"
    text += f" (least-most):\n\n{table(['page', *CATEGORIES], rows)}"
    page.report_section("lighthouse", text, write=options.write)


def _median_and_range(scores: list[int]) -> str:
    return f"{median(scores):.0f} ({min(scores)}-{max(scores)})"


if __name__ == "__main__":
    main()
