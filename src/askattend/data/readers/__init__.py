"""Readers of question sources, one file a format, found by name in `registry`."""
