"""Workflow runs: reading them, and steering them and their steps."""
