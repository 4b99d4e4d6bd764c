"""Core: scripts in processes of their own."""
