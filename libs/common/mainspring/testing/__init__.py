"""Test helpers that ship with the library and never with a service."""
