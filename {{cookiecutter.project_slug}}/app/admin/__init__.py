"""Admin site, based on starlette-admin with the project's authentication."""
