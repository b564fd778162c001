"""A feature that the proof adds to the project: jobs that write rows, or kill their worker."""
