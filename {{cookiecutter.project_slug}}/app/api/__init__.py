"""HTTP: middleware, errors, pagination, dependencies, rate limits, API documentation, health checks."""
