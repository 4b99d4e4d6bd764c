"""Who asked for what: a view of the event log."""
