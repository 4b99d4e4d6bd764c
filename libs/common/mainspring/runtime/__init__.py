"""Processes: configuration, the clock, the engine's shell, start and stop."""
