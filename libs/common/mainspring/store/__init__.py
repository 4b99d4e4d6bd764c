"""Adapters of the log and its views: Postgres, and memory.

The two are held to one contract suite.  What both must do alike stands in files of its own that
neither owns: `changes` (which rows an append leaves), `details` (the bodies that rows refer to),
`group_commit` is Postgres' alone.

Lock order, everywhere: first the log's advisory lock, then rows.  Only `sql/append.sql` and a
rebuild take the first one; nothing else in this package holds a lock over two round trips.
"""
