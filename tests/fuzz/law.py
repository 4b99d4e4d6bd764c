"""The law for whatever reads what strangers send: an answer or the one refusal, and soon.

Time is what the processor spent on it, so a busy machine makes nothing red.  `make fuzz` runs the
same tests over and over, with other examples each time, until its seconds are over.
"""

import tracemalloc
from collections.abc import Callable
from time import thread_time
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings

T = TypeVar("T")
SECONDS: Final = 2.0
"""More than anything here takes on a slow processor: what has no bound takes longer."""

MEMORY: Final = 128 << 20


def examples(count: int) -> settings:
    """Return how often to try: examples are counted, time is not."""
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=(
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )


def soon(act: Callable[..., T], *args: Any, refusals: tuple[type[Exception], ...]) -> T | None:
    """Return what `act` gives, None if it refuses; whatever else it raises is a fault of ours."""
    before = thread_time()
    try:
        found = act(*args)
    except refusals as refused:
        str(refused).encode()  # it is sent, so it can be written
        found = None
    spent = thread_time() - before
    assert spent < SECONDS, f"took {spent:.1f} s"
    return found


def frugal(act: Callable[[], object]) -> None:
    """Hold `act` to the memory that one request may take."""
    tracemalloc.start()
    try:
        act()  # traced, it is some times slower: time is another law
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
