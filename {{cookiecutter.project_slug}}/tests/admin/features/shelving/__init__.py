"""A feature with admin views of the library, with inline rows and imports."""
