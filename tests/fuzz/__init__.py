"""What runs inside of a generated project, with its packages."""
