"""Dialects: compilers from a wire form, presenters back to it."""
