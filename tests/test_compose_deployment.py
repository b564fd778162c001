"""A project in production with `app new deployment compose`: HTTPS, and releases that follow.

The first rollout uses docker-compose 1, the next ones 5 and 2: they must accept each other's
containers. `python3 fireup.py prove compose` repeats it with each of them, and with Redis and
PgBouncer.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.baking import Bake
from tests.doc_blocks import blocks_of
from tests.docker.base_images import provide_caddy
from tests.docker.engine import Engine
from tests.docker.production import (
    BUILD,
    PASSWORD,
    Clients,
    Production,
    add_migration,
    prepare,
    send,
)
from tests.docker.tools import install_tool

COMPOSE_1 = Path("/usr/bin/docker-compose")
REQUESTS = 500


@dataclass(frozen=True)
class Released:
    """The deployment, and an access token of the admin that its first rollout created."""

    production: Production
    token: str
    tools: Path


@pytest.fixture(scope="module")
def released(engine: Engine, bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Return the first release, rolled out by docker-compose 1."""
    tools = tmp_path_factory.mktemp("tools")
    provide_caddy(engine, install_tool("caddy", tools))
    project = bake()
    prepare(project)
    # The rollout's build finds the installed packages in the cache: it has no network here.
    engine.run("docker", "build", "--quiet", "--network=host", *BUILD, project)
    production = Production.create(engine, project)
    printed = production.run(COMPOSE_1, "./rollout")
    return Released(production, production.sign_in(printed), tools)


def test_proxy_serves_https_and_http_2(released: Released) -> None:
    production = released.production
    authority = production.project / "root.crt"
    authority.write_text(production.read_authority())
    url = f"https://localhost:{production.port}/health/live"
    curl = ["curl", "--silent", "--show-error", "--http2", "--cacert", str(authority)]

    done = subprocess.run(
        [*curl, "--write-out", " %{http_code} %{http_version}", url],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == '{"status":"live"} 200 2'


def test_proxy_hides_what_is_for_operators(released: Released) -> None:
    paths = ("/health/live", "/health/ready", "/metrics", "/Metrics", "//health/ready")

    with released.production.connection() as connection:
        found = {path: send(connection, "GET", path).status for path in paths}

    assert found == {"/health/live": 200} | dict.fromkeys(paths[1:], 404)


def test_containers_are_hardened(released: Released) -> None:
    counts = {"proxy": 1, "app": 2, "worker": 1, "db": 1}
    inspected = {service: released.production.inspect(service) for service in counts}

    assert {service: len(found) for service, found in inspected.items()} == counts
    for service, (container, *_) in inspected.items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["CapAdd"] == (["NET_BIND_SERVICE"] if service == "proxy" else None), service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}, service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert bool(host["PortBindings"]) == (service == "proxy"), service
        assert PASSWORD not in json.dumps(container), service
    for service in ("app", "worker", "db"):
        command = ("docker", "exec", released.production.containers(service)[0], "id", "--user")
        assert released.production.engine.run(*command).strip() != "0", service


def test_secrets_cannot_be_read_by_other_users(released: Released) -> None:
    secrets = released.production.project / "deploy" / "secrets"

    assert secrets.stat().st_mode & 0o777 == 0o700
    names = {".gitignore", "database_password", "mail_url", "secret_key"}
    assert {path.name for path in secrets.iterdir()} == names


def test_rollout_with_a_migration_and_rollback_lose_no_request(released: Released) -> None:
    """The earlier release doesn't know the migration that the later one applied."""
    production = released.production
    before, earlier = production.containers("app"), production.images()[0]
    image = production.image_id(earlier)
    revision = add_migration(production.project)
    clients = Clients(production, released.token)

    with clients.working(REQUESTS):
        printed = production.run(install_tool("compose-5", released.tools), "./rollout")
        production.run(install_tool("compose-2", released.tools), "./rollout", earlier)

    assert f"Applied migrations: {revision}." in printed
    assert clients.lost == {}
    assert clients.total >= REQUESTS
    assert production.query("SELECT count(*) FROM notes") == str(clients.answers[201])
    replaced = production.inspect("app")
    assert [found["Image"] for found in replaced] == [image] * 2
    assert not {*before} & {*production.containers("app")}
    _revert_migration(production, revision)


def test_data_is_restored_from_a_backup(released: Released) -> None:
    production = released.production
    blocks = [text for _, text in blocks_of("deploying.md", "One server")]
    take, restore = (text for text in blocks if " restore " in text)
    with production.connection() as connection:
        note = {"title": "In the backup"}
        created = send(connection, "POST", "/api/v1/notes", note, released.token)
    assert created.status == 201
    count = "SELECT count(*) FROM notes WHERE title = 'In the backup'"

    verified = production.run(COMPOSE_1, "/bin/sh", "-euc", take)
    production.query("DELETE FROM notes WHERE title = 'In the backup'")
    deleted = production.query(count)
    production.run(COMPOSE_1, "/bin/sh", "-euc", restore)

    assert "Verified: " in verified
    assert (deleted, production.query(count)) == ("0", "1")
    production.wait_until_served()


def test_broken_release_is_removed_and_the_running_one_stays(released: Released) -> None:
    production = released.production
    before = production.containers("app"), production.read_release()
    dockerfile = f"FROM {production.images()[0]}\nCMD ['serve', '--host', 'nowhere.invalid']\n"
    folder = production.project / "broken"
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile.replace("'", '"'))
    production.engine.run("docker", "build", "--quiet", "--tag", "broken:1", folder)

    with pytest.raises(AssertionError, match="the running release was not changed") as failed:
        production.run(COMPOSE_1, "./rollout", "broken:1")

    assert "cannot listen on nowhere.invalid" in str(failed.value)
    assert (production.containers("app"), production.read_release()) == before


def test_open_request_outlives_stop(released: Released) -> None:
    production = released.production
    containers = production.containers("app")

    with ThreadPoolExecutor() as pool, production.connection() as connection:
        answer = pool.submit(send, connection, "GET", "/api/v1/slow")
        while "a slow request began" not in production.logs("app"):
            assert not answer.done()
        production.run(COMPOSE_1, "docker-compose", "stop", "app")
        codes = {container["State"]["ExitCode"] for container in production.inspect("app")}
        production.engine.run("docker", "start", *containers)
        answered = answer.result()

    assert answered.status == 200
    assert codes == {0}


def _revert_migration(production: Production, revision: str) -> None:
    """Give the database the schema of the running release, as the other tests expect it."""
    (migration,) = (production.project / "migrations" / "versions").glob(f"{revision}_*.py")
    migration.unlink()
    production.query(f"ALTER TABLE notes DROP COLUMN extra_{revision}")
    production.query(f"UPDATE alembic_version SET version_num = '{int(revision) - 1:04}'")  # noqa: S608
