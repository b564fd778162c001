"""HTTP: middleware, routing, errors, pagination, dependencies, rate limits, API documentation, health checks."""
