"""A feature that shows the library's rows in the forms of others."""
