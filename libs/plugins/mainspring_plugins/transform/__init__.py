"""Transforms: texts, formats and lists."""
