"""Adapters of the bus: NATS JetStream, and memory."""
