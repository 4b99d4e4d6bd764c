"""The scheduler: what happens next in an execution."""
