"""`python -m app …` is `app …`, for places where the console script is not installed."""

from app.cli import main

main()
