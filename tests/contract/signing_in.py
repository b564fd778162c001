"""Let Schemathesis call as somebody, who signs in anew when a call has ended their session."""

import os
from typing import Any

import schemathesis

from tests.serving import Visitor

VISITOR = Visitor(os.environ["CONTRACT_ADDRESS"])
LOGIN = {
    "email": os.environ["CONTRACT_EMAIL"],
    "password": os.environ["CONTRACT_PASSWORD"],
}
headers: dict[str, str] = {}


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Send the token; not in cases that are about another one."""
    if not headers:
        pair = VISITOR.post_json("/api/v1/auth/login", LOGIN)
        # An account that deleted itself has none.
        token = pair.body["access_token"] if pair.status == 200 else "gone"
        headers["Authorization"] = f"Bearer {token}"
    case.headers.update(headers)


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext,
    _case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> None:
    """Forget a token that was refused."""
    if response.status_code == 401:
        headers.clear()
