"""Sign in for Schemathesis, and again after a request that ended the session."""

import os
from typing import Any

import schemathesis

from tests.serving import Visitor

VISITOR = Visitor(os.environ["CONTRACT_ADDRESS"])
LOGIN = {
    "email": os.environ["CONTRACT_EMAIL"],
    "password": os.environ["CONTRACT_PASSWORD"],
}
tokens: list[str] = []


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """The access token of the caller."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
        """Return the token, or an invalid one if the account was deleted."""
        if not tokens:
            pair = VISITOR.post_json("/api/v1/auth/login", LOGIN)
            tokens.append(pair.body["access_token"] if pair.status == 200 else "deleted")
        return tokens[-1]

    def set(
        self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext
    ) -> None:
        """Send the token."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext,
    _case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> None:
    """Discard a rejected token."""
    if response.status_code == 401:
        tokens.clear()
