"""A project below a root path, behind a real nginx that strips the path or keeps it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.baking import Bake
from tests.serving import Server, Visitor, environment, find_free_port, running
from tests.windows import PHONE, visit

# Lets Debian's nginx run in any directory, as any user.
NGINX = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ }}
http {{
  access_log off;
  types {{ text/css css; }}
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{stripping};
    location /shop/ {{ proxy_pass http://127.0.0.1:{app}/; }}
  }}
  server {{
    listen 127.0.0.1:{keeping};
    location /shop/ {{ proxy_pass http://127.0.0.1:{app}; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def servers(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Serve a project below a root path, behind two nginx servers."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is not installed")
    folder, ports = tmp_path_factory.mktemp("nginx"), (find_free_port(), find_free_port())
    base_url = {"BASE_URL": f"http://127.0.0.1:{ports[0]}/shop"}
    command = [sys.executable, "-u", "dev.py", "run"]
    with running(command, bake(), folder / "server.txt", {**environment(), **base_url}) as server:
        app = server.address.rpartition(":")[2]
        configuration = folder / "nginx.conf"
        configuration.write_text(
            NGINX.format(folder=folder, app=app, stripping=ports[0], keeping=ports[1])
        )
        nginx = subprocess.Popen([found, "-p", folder, "-c", configuration])
        try:
            below = [
                Server(f"http://127.0.0.1:{port}/shop", server.log, server.pid) for port in ports
            ]
            yield {"strips": below[0], "keeps": below[1], "app": server}
        finally:
            nginx.terminate()
            nginx.wait(timeout=30)


@pytest.mark.parametrize("proxy", ["strips", "keeps"])
def test_everything_works_below_a_root_path(
    chromium: Browser, servers: dict[str, Server], proxy: str
) -> None:
    server = servers[proxy]
    with visit(chromium, server, PHONE) as window:
        window.open("/")
        window.open("/notes")
        window.sign_in(server)
        assert window.page.url == f"{server.address}/notes"
        window.follow("New note")
        window.page.get_by_label("Title").fill(f"Below a path that nginx {proxy}")
        window.press("Save note")
        window.follow("Edit")
        window.press("Save")
        window.follow("All notes")
        window.page.get_by_label("Search", exact=True).fill("below")
        window.press("Search")
        window.follow(f"Below a path that nginx {proxy}")

        for path in ("/redoc", "/docs"):
            window.open(path)
            window.page.get_by_text("/api/v1/notes/{note_id}").first.wait_for(state="attached")
        window.page.get_by_role("button", name="Authorize as").click()
        window.page.get_by_text("Authorized for 10 minutes.").wait_for()

        window.open("/account")
        window.follow("Open the admin")
        assert window.page.url == f"{server.address}/admin/"
        window.open("/admin/role/create")
        window.page.get_by_label("Name").first.fill(f"a-role-{proxy}")
        window.page.get_by_role("button", name="Save", exact=True).first.click()
        window.page.wait_for_url(f"{server.address}/admin/role/list")
        links: list[str] = window.page.evaluate("[...document.links].map(link => link.href)")
        assert [link for link in links if not link.startswith(f"{server.address}/")] == []

        window.open("/account")
        window.sign_out()
        assert window.page.url == f"{server.address}/login"


@pytest.mark.parametrize("proxy", ["strips", "keeps", "app"])
def test_api_and_health_work_below_a_root_path(servers: dict[str, Server], proxy: str) -> None:
    """The app itself also responds without the path, as container health checks call it."""
    visitor = Visitor(servers[proxy].address)

    assert visitor.get("/health/ready").status == 200
    assert visitor.get("/openapi.json").body["servers"] == [{"url": "/shop"}]
    email, password = servers[proxy].credentials()
    signed_in = visitor.post_json("/api/v1/auth/login", {"email": email, "password": password})
    assert visitor.get("/api/v1/notes", signed_in.body["access_token"]).status == 200
    assert f"{servers['strips'].address}/docs" in servers["app"].printed()
