"""A user's account in the API: tokens, API keys and the display name."""

from proofs.caller import Caller, check, if_match
from proofs.client import Request, Response
from proofs.journal import Fault, Unknown
from proofs.rows import Attempts, Row, is_after

AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"


class Account:
    """A signed-in user."""

    def __init__(self, caller: Caller, email: str, password: str) -> None:
        self.caller, self.email, self.password = caller, email, password
        self._refresh = ""
        self.me: Row = {}

    async def sign_in(self) -> None:
        """Sign in, and read the account."""
        data = {"email": self.email, "password": self.password}
        self._take((await self._insist({200}, Request("POST", f"{AUTH}/login", data))).body)
        before = self.me
        await self.reload()
        for name in ("email", "display_name", "version") if before else ():
            check(f"account, {name}", self.me[name], before[name])

    async def reload(self) -> None:
        """Believe the API."""
        self.me = (await self.caller.get(ME)).body

    async def refresh(self) -> None:
        """Exchange the refresh token; a retry gets the same one."""
        data = {"refresh_token": self._refresh}
        self._take((await self._insist({200}, Request("POST", f"{AUTH}/token/refresh", data))).body)
        await self.check_me()

    async def sign_out_and_in(self) -> None:
        """End the session: its token must not be accepted again."""
        ended = self.caller.token
        await self._insist({204, 401}, Request("POST", f"{AUTH}/logout"))
        await self.caller.get(ME, 401)
        await self.sign_in()
        header = {"authorization": f"Bearer {ended}"}
        await self._insist({401}, Request("GET", ME, headers=header), is_write=False)

    async def use_key(self) -> None:
        """Create an API key, use it and revoke it."""
        data = {"name": "proof", "scopes": ["read"], "expires_in_days": 1}
        create = Request("POST", f"{AUTH}/api-keys", data)
        key = (await self._insist({201}, create, is_write=False)).body
        header = {"authorization": f"Bearer {key['key']}"}
        used = Request("GET", ME, headers=header)
        check("me, by key", (await self._insist({200}, used, is_write=False)).body, self.me)
        denied = Request("PATCH", ME, {"display_name": "never"}, headers=header)
        await self._insist({403}, denied, is_write=False)
        # If the first one was carried out, the second one doesn't find it, or meets it.
        revoke = Request("DELETE", f"{AUTH}/api-keys/{key['id']}")
        await self._insist({204, 404, 412}, revoke)
        await self._insist({401}, used, is_write=False)

    async def check_me(self) -> None:
        """Read the account."""
        check("me", (await self.caller.get(ME)).body, self.me)

    async def rename(self, name: str) -> None:
        """Change the display name, as in `Rows.change`."""
        attempts: Attempts = []
        for number in range(1_000):
            sent = {"display_name": f"{name} {number}"}
            request = Request("PATCH", ME, sent, headers=if_match(self.me["version"]))
            try:
                response = await self.caller.write({200, 412} if attempts else {200}, request)
            except Unknown as unknown:
                attempts += [sent] if unknown.possible else []
                continue
            is_mine = response.status == 200
            found = response.body if is_mine else (await self.caller.get(ME)).body
            if not any(is_after(found, self.me, one) for one in ([sent] if is_mine else attempts)):
                raise Fault(f"me: {found} is not {self.me} changed by {sent} or {attempts}")
            self.me = found
            return

    async def _insist(
        self, allowed: set[int], request: Request, *, is_write: bool = True
    ) -> Response:
        """Repeat a request whose repetition does no harm."""
        while True:
            try:
                send = self.caller.write if is_write else self.caller.ask
                return await send(allowed, request)
            except Unknown:
                if self.caller.journal.is_hopeless:
                    raise

    def _take(self, tokens: Row) -> None:
        self.caller.token, self._refresh = tokens["access_token"], tokens["refresh_token"]
