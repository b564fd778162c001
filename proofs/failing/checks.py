"""What must hold after each failure."""

import re
from typing import TYPE_CHECKING

from proofs.client import Client, Request
from proofs.database import until
from proofs.failing.clients import STEPS
from proofs.failing.failure import Failure

if TYPE_CHECKING:
    from proofs.failing.scene import Scene

MAX_SECONDS = 90
"""To wait for a condition."""
MAX_TRACEBACKS = 12
"""In the log of a failure: one per type of error, process and minute, not one per request."""
_ERROR = re.compile(r" (ERROR|CRITICAL) ")
_TRACEBACK = re.compile(r"(?<!\n)\nTraceback \(")  # not those of causes, after an empty line


async def check_work(scene: "Scene") -> None:
    """Check that nothing is lost that was acknowledged, and that all emails and jobs are done."""
    told = scene.crowd.told
    if scene.plan.sabotage == "lost":
        await _lose_a_note(scene)
    titles = {row[0] for row in await scene.ledger.rows("SELECT title FROM notes")}
    for title in set(told.notes) - titles:
        scene.fault(f"the note {title!r} is lost")

    def is_sent() -> bool:
        return not set(told.mails) - scene.inbox.receivers.keys()

    await scene.wait_for(is_sent, "emails to all who signed up")
    for address in set(told.mails) - scene.inbox.receivers.keys():
        scene.fault(f"the email to {address} is lost")

    async def have_ended() -> bool:
        return await scene.ledger.unfinished() == 0

    if not await until(have_ended, MAX_SECONDS):
        scene.fault(f"{await scene.ledger.unfinished()} jobs have not ended")
    scene.faults += await scene.ledger.faults(told.walks, told.rejected, 0, STEPS)


async def _lose_a_note(scene: "Scene") -> None:
    """Delete what was acknowledged, to see that it is missed."""
    title = scene.crowd.told.notes[-1]
    request = Request("GET", f"/api/v1/notes?title={title.replace(' ', '%20')}")
    headers = {"authorization": f"Bearer {scene.crowd.token}"}
    client = Client(scene.crowd.port)
    found = await client.send(request._replace(headers=headers))
    path = f"/api/v1/notes/{found.body['items'][0]['id']}"
    await client.send(Request("DELETE", path, headers=headers))


def check_statuses(scene: "Scene", failure: Failure, begun: float) -> None:
    """Check that clients saw only what the failure allows."""
    for one in scene.crowd.since(begun):
        is_allowed = one.is_success or one.status in {str(each) for each in failure.statuses}
        if not is_allowed and not (failure.breaks and not one.status.isdigit()):
            scene.fault(f"{one.client}: {one.status} after {one.seconds:.1f} s {one.text[:300]}")


def check_log(scene: "Scene", failure: Failure, start: int) -> None:
    """Check that the log has no unexpected error, and no traceback per request."""
    with scene.log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    expected = re.compile(failure.errors)
    for line in text.splitlines():
        if _ERROR.search(line) and not expected.search(line):
            scene.fault(f"log: {line}")
    tracebacks = len(_TRACEBACK.findall(text))
    scene.expect(tracebacks <= MAX_TRACEBACKS, f"{tracebacks} tracebacks in the log")
