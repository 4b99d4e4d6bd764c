"""Core: containers."""
