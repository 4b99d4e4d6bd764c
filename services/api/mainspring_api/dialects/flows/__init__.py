"""Flows: YAML definitions in namespaces, their revisions, and the plugins that their tasks use."""
