"""The events service: streams to clients, and durable waits."""
