"""Flow Control: lists to lists, and lists to one value."""
