"""Utility: small tools."""
