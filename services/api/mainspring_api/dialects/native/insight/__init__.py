"""Insight: what has happened in a run, how it is built, and why it is where it is."""
