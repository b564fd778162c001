"""The admin: starlette-admin behind our own sign-in."""
