"""Workflows as they are stored: their form, their faults, their versions, and how a run begins."""
