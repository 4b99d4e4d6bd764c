"""Which steps may go now: `path` and `dag`."""
