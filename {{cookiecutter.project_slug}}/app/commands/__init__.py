"""Commands of the `app` command line, one module per group."""
