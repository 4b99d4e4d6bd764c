"""The executor: doing what was decided."""
