"""The native dialect: `/v1/*`, the platform's own API."""
