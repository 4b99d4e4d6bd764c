"""Core: what decides, waits and sets."""
