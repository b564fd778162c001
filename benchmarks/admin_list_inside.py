"""Run by admin_list.py under callgrind: request a list of the admin repeatedly.

`python -m benchmarks.admin_list_inside MODULE:NAME() COUNTED`, with the packages of a project.
"""

import asyncio
import os
import subprocess
import sys
from importlib import import_module

from app.accounts import users
from app.accounts.scope import Client
from app.accounts.sessions import sessions

from benchmarks.instructions_inside import App
from benchmarks.workloads import EMAIL, Workload

LIST = "/admin/note/list"
ROWS = 25
WARM_UP = 20


async def sign_in(app: App) -> Workload:
    """Make the user an admin, and return the request with a session's cookie."""
    client = Client(ip="127.0.0.1", user_agent="benchmark")
    async with app.state["database"].sessions.begin() as session:
        user = await users.get_user_by_email(session, EMAIL)
        await users.grant_admin(session, user)
        _, cookie = await sessions.create_web_session(
            session, app.state["authenticator"], user, client, remember=False
        )
    prefix = app.state["settings"].cookie_prefix
    headers = {"Cookie": f"{prefix}session={cookie}", "Accept": "text/html"}
    return Workload(LIST, headers=headers)


def main(address: str, counted: int) -> None:
    """Warm up, then let callgrind count."""
    asyncio.set_event_loop_policy(import_module("uvloop").EventLoopPolicy())
    with asyncio.Runner() as runner:
        app = App(address)
        runner.run(app.start())
        workload = runner.run(sign_in(app))
        runner.run(app.ask_often(workload, range(WARM_UP)))
        assert runner.run(app.ask(workload)).count(b"<tr data-sa-pk=") == ROWS
        command = ["callgrind_control", "-i", "on", str(os.getpid())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        runner.run(app.ask_often(workload, range(counted)))
        os._exit(0)  # what an end takes is not counted


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
