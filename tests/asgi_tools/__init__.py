"""Programs that tests/test_asgi_tools.py runs in the environment of the tools."""
