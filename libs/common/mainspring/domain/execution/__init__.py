"""The life of one execution: commands in, events out, actions owed."""
