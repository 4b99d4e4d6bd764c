"""The command line: the local stack, and the verbs of the platform."""
