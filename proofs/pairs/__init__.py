"""A feature that the proof adds to the project: requests that write two rows, or take long."""
