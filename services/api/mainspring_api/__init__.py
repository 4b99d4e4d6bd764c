"""The REST gateway: four dialects in front of one engine."""
