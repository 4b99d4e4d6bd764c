"""Adapters of the log and its views: Postgres, and memory."""
