"""A context in memory for each test."""

import pytest

from mainspring.testing.plugins import TestContext


@pytest.fixture
def context() -> TestContext:
    return TestContext(allowed=frozenset(("shell", "python", "container")))
