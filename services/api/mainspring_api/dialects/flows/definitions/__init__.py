"""Flows: stored, changed, checked, executed, and carried from one place to another."""
