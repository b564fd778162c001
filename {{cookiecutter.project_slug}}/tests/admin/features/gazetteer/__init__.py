"""A feature with admin views of the atlas, with inline rows and imports."""
