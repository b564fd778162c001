"""Long proofs of a generated project, run by hand: `python3 fireup.py prove NAME`."""
