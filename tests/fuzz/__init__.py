"""Damaged and hostile inputs for every reader: `python -m fuzz` with tests/ on the path."""
