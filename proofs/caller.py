"""A user of the project: sends requests, and judges their statuses."""

import asyncio
import random
import time
from collections.abc import Collection, Mapping

from proofs.client import Broken, Client, Request, Response
from proofs.journal import Fault, Journal, Unknown

CUT_SHARE = 0.06
"""Share of the writes whose connection is closed before the response."""
MAX_CUT_DELAY = 0.03


class Caller:
    """A client that is signed in."""

    def __init__(self, port: int, journal: Journal, chance: random.Random) -> None:
        self.client, self.journal, self.chance = Client(port), journal, chance
        self.token = ""

    async def ask(self, allowed: Collection[int], request: Request) -> Response:
        """Send a request and return the response.

        Raises:
            Fault: the status is not one of those allowed.
            Unknown: it is 503, because of a disturbance.
        """
        if self.token and "authorization" not in request.headers and request.form is None:
            bearer = {"authorization": f"Bearer {self.token}"}
            request = request._replace(headers={**request.headers, **bearer})
        sent, what = time.monotonic(), f"{request.method} {request.path}"
        try:
            response = await self.client.send(request)
        except Broken as error:
            self.journal.fault(f"no response: {error}")
            raise Unknown(possible=True) from error
        self.journal.statuses[f"{request.method} {response.status}"] += 1
        if response.status == 503 and response.problem != "Hurried":
            unknown = self.journal.excuse(sent, time.monotonic(), f"{what}: {response.text[:300]}")
            await asyncio.sleep(0.05)  # as clients with Retry-After, but more impatient
            raise unknown
        if response.status not in allowed:
            message = f"{what}: {response.status}, not {sorted(allowed)}: {response.text[:300]}"
            raise Fault(message)
        return response

    async def write(self, allowed: Collection[int], request: Request) -> Response:
        """Send a request, or sometimes close the connection before the response.

        Raises:
            Fault: as in `ask`.
            Unknown: as in `ask`, and if the connection was closed.
        """
        if self.chance.random() > CUT_SHARE:
            return await self.ask(allowed, request)
        bearer = {"authorization": f"Bearer {self.token}"} if request.form is None else {}
        request = request._replace(headers={**bearer, **request.headers})
        is_whole = self.chance.random() < 0.8
        share = 1 if is_whole else self.chance.uniform(0.1, 0.99)
        await self.client.cut(request, self.chance.uniform(0, MAX_CUT_DELAY), share)
        self.journal.cut += 1
        raise Unknown(possible=is_whole)

    async def get(self, path: str, *allowed: int) -> Response:
        """Send a GET request until it doesn't fail because of a disturbance."""
        while True:
            try:
                return await self.ask(allowed or {200}, Request("GET", path))
            except Unknown:
                if self.journal.is_hopeless:
                    raise


def if_match(version: int) -> Mapping[str, str]:
    """Return the header."""
    return {"if-match": f'"{version}"'}


def check(what: str, found: object, expected: object) -> None:
    """Compare an answer with the model.

    Raises:
        Fault: they differ.
    """
    if found != expected:
        raise Fault(f"{what}: got {found!r}, expected {expected!r}")
