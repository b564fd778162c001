"""Time of the admin's dashboard with 1, 10 and a million rows in each large table.

    python3 -m benchmarks.dashboard

Generates a project, and requests the dashboard over HTTP on both databases. Each line has the
number of rows, the median of five requests, the processor time of the server (with that of SQLite,
not of PostgreSQL), and the slowest statement.
"""

from pathlib import Path

from benchmarks import imports

INSIDE = Path(__file__).with_name("dashboard_inside.py")

if __name__ == "__main__":
    imports.run_in_project(INSIDE)
