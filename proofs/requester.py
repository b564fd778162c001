"""A client that enqueues jobs by requests, and remembers what it was told."""

import http.client
import json
import random
import threading
import urllib.error
import urllib.request
from itertools import count

STEPS, SECONDS = 6, 0.02
PAUSE = 0.15


class Requester(threading.Thread):
    """Sends a request after the other until it is stopped."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(name=name, daemon=True)
        self._address = address
        self._stop_event = threading.Event()
        self._chance = random.Random(name)  # noqa: S311 - the same for each run
        self.accepted: list[str] = []
        self.rejected: list[str] = []
        self.unknown: list[str] = []
        """Labels of requests without a response, or with an error of an outage."""
        self.faults: list[str] = []

    def run(self) -> None:
        """Send requests; every fourth fails after it has enqueued its jobs."""
        for number in count():
            if self._stop_event.wait(self._chance.uniform(0, 2 * PAUSE)):
                return
            label = f"{self.name}-{number}"
            self._send(label, fails=number % 4 == 0)

    def stop(self) -> None:
        """Stop after the current request."""
        self._stop_event.set()

    def fall(self) -> bool:
        """Enqueue a job that kills its worker; return whether that was confirmed."""
        try:
            return post(f"{self._address}/api/v1/walks/fall", {}) == 204
        except OSError:
            return False

    def _send(self, label: str, *, fails: bool) -> None:
        data = {"label": label, "steps": STEPS, "seconds": SECONDS, "fails": fails}
        try:
            status = post(f"{self._address}/api/v1/walks", data)
        except ConnectionRefusedError:
            return  # the server is not running
        except OSError:
            self.unknown.append(label)
            return
        if status == 204 and not fails:
            self.accepted.append(label)
        elif status == 409 and fails:
            self.rejected.append(label)
        elif status == 503:
            # Also if the connection broke during COMMIT, so that the rows may be there.
            (self.rejected if fails else self.unknown).append(label)
        else:
            self.faults.append(f"{label}: status {status}")


def post(url: str, data: object) -> int:
    """Send JSON and return the status.

    Raises:
        OSError: there is no response.
    """
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(data).encode(), headers)  # noqa: S310 - http
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error from None
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error  # a response that was cut
