"""Executions of every dialect, as the runs and the flows dialect both show them."""
