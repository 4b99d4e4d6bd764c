"""What scripts and containers run in: processes with limits and an end."""
