"""File formats of imports and exports: CSV, XLSX, and the parsing and formatting of cells."""
