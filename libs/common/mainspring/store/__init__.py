"""Adapters of the log and its views: Postgres, and memory.

The two are held to one contract suite.  What both must do alike stands in files of its own that
neither owns: `changes` (which rows an append leaves), `details` (the bodies that rows refer to),
`group_commit` is Postgres' alone.

Lock order, everywhere: tables as `sql/append.sql` names them, then the log's advisory lock, then
rows.  Only a rebuild locks whole tables, `streams` first, where an append waits holding nothing.
Nothing else in this package holds a lock over two round trips.
"""
