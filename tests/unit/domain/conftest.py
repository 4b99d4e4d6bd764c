"""How deep the properties go: a few examples in every run, many where it is asked for."""

import os

from hypothesis import HealthCheck, settings

DEEP = int(os.environ.get("MAINSPRING_DEEP", "0"))
"""Examples of each property in a deep run, which also leaves the trodden paths."""

settings.register_profile(
    "mainspring",
    derandomize=not DEEP,
    max_examples=DEEP or 15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("mainspring")
