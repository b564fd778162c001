"""A feature whose routes and jobs have bugs."""
