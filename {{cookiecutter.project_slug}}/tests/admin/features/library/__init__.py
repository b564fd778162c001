"""A feature as its owner begins it: models, and no view."""
