"""`app new deployment monitoring`, on a real Prometheus that reads a real project."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.baking import TEMPLATE, Bake
from tests.deployments import app, serving, write_deployments
from tests.serving import Visitor, environment, find_free_port, run_in

TOKEN = "a token that protects nothing"  # noqa: S105
SECONDS = 60
# What a query says besides names of metrics.
WORDS = re.compile(
    r"\"[^\"]*\"|\[[^\]]*\]|[{,]\w+|\bby ?\([^)]*\)|offset \w+|\w+\(|\b(max|or|sum)\b"
)


class Monitored(NamedTuple):
    """A project with the files, what its `/metrics` returns, and a Prometheus that reads it."""

    files: Path
    scraped: str
    prometheus: Visitor

    def ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - any JSON value
        """Send a request to the API of Prometheus."""
        answer = self.prometheus.get(f"/api/v1/{path}?{urlencode(parameters)}").body
        assert answer["status"] == "success", answer
        return answer["data"]


@pytest.fixture(scope="module")
def monitored(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """Serve a project, use it a little, and let Prometheus read its metrics."""
    if shutil.which("prometheus") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs prometheus")
    project, folder = bake(), tmp_path_factory.mktemp("prometheus")
    write_deployments(project, "monitoring")
    files = project / "deploy" / "monitoring"
    port, own_port = find_free_port(), find_free_port()
    variables = {
        **environment(),
        "SECRET_KEY": "a secret key that protects nothing at all",
        "METRICS_TOKEN": TOKEN,
    }
    assert run_in(project, app("db", "upgrade"), **variables).returncode == 0
    serve = app("serve", "--port", str(port))
    configuration = (files / "prometheus.yml").read_text(encoding="utf-8")
    changed = configuration.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace(": 15s", ": 1s")
    (folder / "prometheus.yml").write_text(changed)
    (folder / "metrics_token").write_text(TOKEN)
    shutil.copy(files / "alerts.yml", folder)
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{own_port}",
    ]
    log = folder / "prometheus.log"
    with serving(project, serve, folder / "server.log", port, variables) as server:
        visitor = Visitor(server.address)
        account = {"email": "ada@example.com", "password": "correct horse battery staple"}
        visitor.post_json("/api/v1/auth/register", account)
        visitor.post_json("/api/v1/auth/login", {**account, "password": "wrong"})
        wait_for(lambda: 'outcome="succeeded"' in visitor.get("/metrics", TOKEN).text)
        scraped = visitor.get("/metrics", TOKEN).text
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            found = Monitored(files, scraped, Visitor(f"http://127.0.0.1:{own_port}"))
            wait_for(lambda: process.poll() is None and _is_up(found))
            yield found
        finally:
            process.kill()
            process.wait()


def wait_for(condition: Any) -> None:  # noqa: ANN401 - a function
    """Wait until the condition is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.1)


def _is_up(found: Monitored) -> bool:
    try:
        targets = found.ask("targets")["activeTargets"]
        rules = found.ask("rules")["groups"][0]["rules"]
    except (OSError, ValueError):  # it isn't ready
        return False
    return [target["health"] for target in targets] == ["up"] and all(
        rule["health"] == "ok" for rule in rules
    )


def test_alerts_pass_their_tests(monitored: Monitored) -> None:
    token = monitored.files / "metrics_token"
    token.write_text(TOKEN)

    for check in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(
            ["promtool", *check],  # noqa: S607 - Debian's
            cwd=monitored.files,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    token.unlink()


def test_each_alert_is_tested(monitored: Monitored) -> None:
    alerts = re.findall(r"- alert: (\w+)", (monitored.files / "alerts.yml").read_text())
    tested = (monitored.files / "alerts_test.yml").read_text()

    assert len(alerts) == 10
    assert re.findall(r"alertname: (\w+)\}", tested) == alerts  # that it doesn't fire
    assert re.findall(r"alertname: (\w+)$", tested, re.MULTILINE) == alerts  # that it does


def test_healthy_project_fires_no_alert(monitored: Monitored) -> None:
    assert monitored.ask("alerts")["alerts"] == []


def test_queries_are_valid_and_use_metrics_of_the_project(monitored: Monitored) -> None:
    dashboard = json.loads((monitored.files / "dashboard.json").read_text())
    queries = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]
    rules = monitored.ask("rules")["groups"][0]["rules"]
    declared = set(re.findall(r"^# TYPE (\w+) ", monitored.scraped, re.MULTILINE))
    series = {f"{name}{end}" for name in declared for end in ("", "_bucket", "_count")} | {"up"}

    for query in queries:
        replaced = query.replace("$__rate_interval", "1m").replace("$instance", ".*")
        monitored.ask("query", query=replaced)
    for query in [*queries, *(rule["query"] for rule in rules)]:
        used = set(re.findall(r"[a-z]\w+", WORDS.sub(" ", query)))
        assert used
        assert used - series == set(), query
    assert len(queries) > 20


def test_metrics_are_those_of_the_docs(monitored: Monitored) -> None:
    text = (TEMPLATE / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = dict(
        re.findall(r"^\| `(\w+)` \| (gauge|counter|histogram) \|", text, re.MULTILINE)
    )

    scraped = dict(re.findall(r"^# TYPE (\w+) (\w+)$", monitored.scraped, re.MULTILINE))

    created = {name for name in scraped if name.endswith("_created")}
    assert {name: kind for name, kind in scraped.items() if name not in created} == documented
