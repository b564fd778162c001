"""Import of files: match rows, check them, preview and save."""
