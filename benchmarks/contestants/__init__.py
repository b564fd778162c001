"""Small apps with some of a generated project's routes, one per stack."""
