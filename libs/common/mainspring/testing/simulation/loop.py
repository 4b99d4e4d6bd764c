"""An event loop on virtual time, whose every choice comes from a seed.

Time stands still while anything can run, and jumps to the next timer when nothing can; a minute of
waiting costs nothing.  What is ready is run in an order drawn from the seed, so two runs of one
seed are equal and two seeds are two schedules.  There is no selector: no socket, no thread, no
signal.  Code that asks for one is told so at once, because it would bring the real world in.

The rival, a clock mocked inside an ordinary loop, leaves the order of callbacks to luck and waits
in real time for whatever the mock forgot.
"""

# ruff: noqa: SLF001 - a loop is made of what the base class keeps

import heapq
import random
from asyncio import base_events, events
from collections import deque
from typing import NoReturn

FEW_CANCELED = 100
"""Timers that may lie cancelled in the heap before it is swept."""


class Deadlock(Exception):
    """Nothing is ready and no timer is set: what is awaited can never come."""


class OutOfBounds(Exception):
    """Simulated code asked for the real world: a thread, a socket, a name server."""


class SimulatedLoop(base_events.BaseEventLoop):
    """A deterministic loop: the same seed and the same code give the same run."""

    # What the base class keeps for `call_soon` and `call_at`.
    _ready: deque[events.Handle]
    _scheduled: list[events.TimerHandle]
    _timer_cancelled_count: int

    def __init__(self, seed: int | str = 0, *, bound: float = float("inf")) -> None:
        super().__init__()
        self._now = 0.0
        self._bound = bound
        self._chance = random.Random(seed)  # noqa: S311 - a schedule is no secret
        self.turns = 0

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def is_timer_left(self) -> bool:
        """Say whether any timer is set that was not cancelled."""
        return len(self._scheduled) > self._timer_cancelled_count

    def run_in_executor(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a thread has no virtual time."""
        raise OutOfBounds("simulated code asked for a thread")

    def call_soon_threadsafe(self, *_: object, **__: object) -> NoReturn:
        """Refuse: there is one thread."""
        raise OutOfBounds("simulated code spoke from another thread")

    # What the base class calls.

    def _run_once(self) -> None:
        if not self._ready:
            self._jump()
        self._collect_due()
        ready = self._ready
        batch = list(ready)
        ready.clear()
        if len(batch) > 1:
            self._chance.shuffle(batch)
        self.turns += len(batch)
        for handle in batch:
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        """Move on to the next timer."""
        self._drop_canceled()
        if not self._scheduled:
            raise Deadlock("nothing is ready and no timer is set")
        # The heap is by instant, so time never goes back.
        self._now = max(self._now, self._scheduled[0].when())
        if self._now > self._bound:
            raise TimeoutError(f"the simulation went beyond {self._bound:g} s")

    def _collect_due(self) -> None:
        timers = self._scheduled
        while timers and timers[0].when() <= self._now:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            if handle.cancelled():
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)

    def _drop_canceled(self) -> None:
        timers = self._scheduled
        if self._timer_cancelled_count > max(FEW_CANCELED, len(timers) // 2):
            kept = [timer for timer in timers if not timer.cancelled()]
            for timer in timers:
                if timer.cancelled():
                    timer._scheduled = False
            heapq.heapify(kept)
            self._scheduled = kept
            self._timer_cancelled_count = 0
            timers = kept
        while timers and timers[0].cancelled():
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._timer_cancelled_count -= 1
