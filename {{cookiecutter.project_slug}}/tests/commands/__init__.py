"""The tests of `app …`."""
