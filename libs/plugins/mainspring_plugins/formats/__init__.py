"""Readers and writers of formats, bounded against hostile texts."""
