"""Core: calls over HTTP."""
