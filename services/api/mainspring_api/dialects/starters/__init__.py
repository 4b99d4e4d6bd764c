"""What starts runs by itself, over HTTP: triggers of all dialects, and the webhooks themselves."""
