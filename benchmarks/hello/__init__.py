"""Feature of the generated project that is measured: a route without a database or a caller."""
