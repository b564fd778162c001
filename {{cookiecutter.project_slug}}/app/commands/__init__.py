"""The commands of `app`, one module a group."""
