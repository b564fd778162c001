"""CSV imports: match rows, validate, preview and save them."""
