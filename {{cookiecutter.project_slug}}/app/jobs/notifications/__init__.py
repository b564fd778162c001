"""PostgreSQL's notifications: workers of other processes start jobs at once.

They can be left out: delete this folder, and workers look for jobs every `JOBS_POLL_INTERVAL`.
"""
