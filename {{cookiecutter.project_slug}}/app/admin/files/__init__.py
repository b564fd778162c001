"""File formats of import and export: CSV, XLSX, and how cells are written and read."""
