"""Small apps with some of a generated project's routes, one for each stack it is compared with."""
