"""Settings: what an operator can configure, where values are read from, and keys derived from `SECRET_KEY`."""
