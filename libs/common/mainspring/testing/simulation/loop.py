"""An event loop on virtual time, whose every choice comes from a seed.

Time stands still while anything can run, and jumps to the next timer when nothing can; a minute of
waiting costs nothing.  What is ready is run in an order drawn from the seed, so two runs of one
seed are equal and two seeds are two schedules.  There is no selector: no socket, no thread, no
signal.  Code that asks for one is told so at once, because it would bring the real world in.

A process may be stopped for a while: what is ready of it is kept until it goes on, and then all of
it runs late, as after a long pause of the machine.

The rival, a clock mocked inside an ordinary loop, leaves the order of callbacks to luck and waits
in real time for whatever the mock forgot.
"""
# ruff: noqa: SLF001 - a loop is made of what the base class keeps

import heapq
import itertools
import random
from asyncio import base_events, events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, NoReturn
from weakref import WeakSet

OWNER: "Final[ContextVar[object | None]]" = ContextVar("owner", default=None)
"""Whose process it is that something runs in; None: the world's."""


MOST_TURNS: Final = 300_000
"""Turns after which something goes round and round; a history takes some thousands."""


class Deadlock(Exception):
    """Nothing is ready and no timer is set: what is awaited can never come."""


class OutOfTime(Exception):
    """Virtual time, or the count of turns, has passed its bound: something goes on for ever."""


class OutOfBounds(Exception):
    """Simulated code asked for the real world: a thread, a socket, a name server."""


class _Handle(events.Handle):
    """A handle that keeps no traceback of where it was made, and asks no loop whether to."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[object],
        loop: "SimulatedLoop",
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = None, ()


class _Timer(_Handle, events.TimerHandle):
    """A handle with an instant."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[object],
        loop: "SimulatedLoop",
        context: Context | None,
    ) -> None:
        _Handle.__init__(self, callback, args, loop, context)
        self._when = when
        self._scheduled = True


class SimulatedLoop(base_events.BaseEventLoop):
    """A deterministic loop: the same seed and the same code give the same run."""

    # What the base class runs from.
    _ready: deque[events.Handle]
    _asyncgens: "WeakSet[AsyncGenerator[object]]"

    def __init__(
        self, seed: int | str = 0, *, bound: float = float("inf"), in_order: bool = False
    ) -> None:
        super().__init__()
        self._now = 0.0
        self._bound = bound
        self._in_order = in_order
        self._chance = random.Random(seed)  # noqa: S311 - a schedule is no secret
        self._timers: list[tuple[float, int, events.TimerHandle]] = []
        self._number = itertools.count()
        self._stopped: dict[object, list[events.Handle]] = {}
        self.turns = 0

    def stop_process(self, owner: object) -> None:
        """Let nothing of a process run from now on."""
        self._stopped.setdefault(owner, [])

    def go_on(self, owner: object) -> None:
        """Let a process go on, and catch up with what was ready meanwhile."""
        self._ready.extend(self._stopped.pop(owner, ()))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def next_number(self) -> int:
        """Return a number that is given once."""
        return next(self._number)

    # Shorter than the base class's, which check for threads and for debugging.

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> events.Handle:
        """Call in the next turn, in no order that can be relied on."""
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """Call at an instant of virtual time."""
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), timer))
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """Call after some seconds of virtual time."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def run_in_executor(self, *told: Any, **__: object) -> Any:  # noqa: ANN401 - as asyncio has it
        """Do at once what is the domain's, which is pure; refuse the rest: a thread has no time."""
        # `asyncio.to_thread` hands over its work bound to a context, as the first argument.
        _, work, *args = told
        asked = next(iter(getattr(work, "args", ())), work)
        if not asked.__module__.startswith("mainspring.domain."):
            raise OutOfBounds("simulated code asked for a thread")
        done = self.create_future()
        try:
            done.set_result(work(*args))
        except Exception as error:  # noqa: BLE001 - it concerns who waits for it
            done.set_exception(error)
        return done

    def call_soon_threadsafe(self, *_: object, **__: object) -> NoReturn:
        """Refuse: there is one thread."""
        raise OutOfBounds("simulated code spoke from another thread")

    # What the base class calls.

    def _run_once(self) -> None:
        if not self._ready:
            self._jump()
        self._collect_due()
        batch = list(self._ready)
        self._ready.clear()
        if len(batch) > 1 and not self._in_order:
            self._chance.shuffle(batch)
        self.turns += len(batch)
        if self.turns > MOST_TURNS:
            raise OutOfTime(f"the simulation took more than {MOST_TURNS:,} turns")
        for handle in batch:
            if not handle._cancelled and not (self._stopped and self._is_kept(handle)):
                handle._run()

    def _is_kept(self, handle: events.Handle) -> bool:
        """Keep what belongs to a process that is stopped."""
        kept = self._stopped.get(handle._context.get(OWNER))
        if kept is None:
            return False
        kept.append(handle)
        return True

    def _jump(self) -> None:
        """Move on to the next timer."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock("nothing is ready and no timer is set")
        # The heap is by instant, so time never goes back.
        self._now = max(self._now, timers[0][0])
        if self._now > self._bound:
            raise OutOfTime(f"the simulation went beyond {self._bound:g} s")

    def _collect_due(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self._now:
            timer = heapq.heappop(timers)[2]
            if not timer._cancelled:
                self._ready.append(timer)

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[object]) -> None:
        """Close a generator that nobody reads to its end; the base class asks from any thread."""
        self._asyncgens.discard(agen)
        if not self.is_closed():
            self.call_soon(self.create_task, agen.aclose())

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """Leave it in the heap: it is passed over when its time comes."""
