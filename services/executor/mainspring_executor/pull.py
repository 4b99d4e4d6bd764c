"""The executor's loop: pulls tasks, makes them side by side, reports, and lets go in order.

Four loops share a table of what is in flight: one pulls while there are places, one publishes
reports, one announces slow calls and asks the broker for patience, one listens for cancel notices.
An attempt costs one asyncio task and nothing else that is its own: no timer, no queue, no lock.

A notice stops forward work only.  Compensations and the notices at a run's end go on: they are
what a cancel leads to, and stopping them would undo the undoing.
"""

import asyncio
import logging
from collections import deque
from typing import Final

import msgspec

from mainspring.bus import subjects
from mainspring.domain.errors import BusUnavailable, Transient
from mainspring.domain.execution.expansion import is_inside
from mainspring.domain.task import CallId, Finished, Started, Task
from mainspring.ports import Bus, Consumer, Delivery
from mainspring.runtime import crash
from mainspring.telemetry import metrics
from mainspring_executor.attempt import Attempt
from mainspring_executor.calls import PluginCall
from mainspring_executor.parking import Parking
from mainspring_executor.reports import Reports
from mainspring_executor.shop import Workshop

SLOW: Final = 0.25
"""Seconds after which a call is announced as started."""
WORKING: Final = 5.0
"""Seconds between two requests for more time, well below the broker's patience."""
TALK: Final = 1.0
"""Seconds between two reports of what a plugin says."""
_FETCH: Final = 1.0
_MOST_FETCHED: Final = 128
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 2.0
_AGAIN_AFTER: Final = 1.0
_STUCK: Final = 0.25
"""Seconds without an end after which tasks that have no place are handed back."""
_TURNED_AWAY: Final = 5.0
_MANY: Final = 500
_NEXT_LOOK: Final = 0.02
_LAST_WORDS: Final = 1.0
_STOPPED: Final = "the execution was stopped"

_decode = msgspec.json.Decoder(Task).decode
_log = logging.getLogger(__name__)

_ANSWERED = metrics.STEP_ATTEMPTS.labels("answered")


class _Job:
    """An attempt in flight, and the deliveries that wait for its report."""

    __slots__ = ("attempt", "begun", "canceled", "deliveries", "done", "next_word", "task")

    def __init__(self, attempt: Attempt | PluginCall, delivery: Delivery, now: float) -> None:
        self.attempt = attempt
        self.deliveries = [delivery]
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        self.canceled = False
        self.done = False
        self.next_word = now + SLOW


class Executor:
    """The component that does: `run` works until `drain` was called and is through."""

    name = "executor"

    def __init__(
        self, bus: Bus, shop: Workshop, *, concurrency: int = 256, drain_seconds: float = 8.0
    ) -> None:
        self._bus = bus
        self._shop = shop
        self._clock = shop.clock
        self._parking = Parking(concurrency)
        self._next_patience = 0.0
        self._ends = 0
        self._stuck_at = -1
        self._turned_away = 0
        self._drain_seconds = drain_seconds
        self._reports = Reports(bus, shop.clock)
        self._jobs: dict[CallId, _Job] = {}
        # By execution, in the order in which they were begun: a set would be in that of addresses.
        self._of: dict[str, dict[_Job, None]] = {}
        # Calls of plugins, and when it was last reported what they said.
        self._talkers: dict[_Job, float] = {}
        self._at_work: set[asyncio.Task[None]] = set()
        self._young: deque[_Job] = deque()
        self._slow: deque[_Job] = deque()
        self._begun = asyncio.Event()
        self._changed = asyncio.Event()
        self._draining = asyncio.Event()
        self._over = asyncio.Event()
        self._puller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Nothing to make ready: streams are made by the bus, consumers by the first pull."""

    async def run(self) -> None:
        """Work until drained, then close the HTTP client and end the helper processes."""
        loops = (self._reports.run(), self._pace(), self._listen(), self._over.wait())
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        self._puller = asyncio.ensure_future(self._pull())
        tasks.append(self._puller)
        try:
            while not self._over.is_set():
                working = [task for task in tasks if not (task.done() and task.cancelled())]
                done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    _ = task.cancelled() or task.result()  # a loop that failed ends the process
        finally:
            jobs = [job.task for job in self._jobs.values() if job.task is not None]
            for task in (*tasks, *jobs):
                task.cancel()
            await asyncio.gather(*tasks, *jobs, return_exceptions=True)
            await self._shop.http.close()
            if self._shop.helpers is not None:
                await self._shop.helpers.close()

    async def drain(self) -> None:
        """Begin nothing new; finish what is in flight in time, and hand back the rest."""
        self._draining.set()
        self._parking.empty()
        if self._puller is not None:
            self._puller.cancel()  # what it was about to get, the bus gives back
        patience = asyncio.ensure_future(self._clock.sleep(self._drain_seconds))
        try:
            while self._jobs and not patience.done():
                self._changed.clear()
                change = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait([change, patience], return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
        finally:
            patience.cancel()
            for job in tuple(self._jobs.values()):
                self._hand_back(job, 0.0)
            await self._stop_plugins()
            self._over.set()

    async def _stop_plugins(self) -> None:
        """End what plugins still do: another executor does it anew, and what they started goes."""
        at_work = [task for task in self._at_work if not task.done()]
        for task in at_work:
            task.cancel()
        if at_work:
            await asyncio.wait(at_work, timeout=_LAST_WORDS)

    @property
    def in_flight(self) -> int:
        """How many attempts were begun and not yet handed over."""
        return len(self._jobs)

    # Pulling.

    async def _pull(self) -> None:
        consumer: Consumer | None = None
        delay = _FIRST_WAIT
        while True:
            free = self._parking.free
            if not free and not await self._is_stuck():
                continue
            try:
                consumer = consumer or await self._consumer()
                await self._fetch(consumer, min(free or _MOST_FETCHED, _MOST_FETCHED))
                delay = _FIRST_WAIT
            except BusUnavailable as failure:
                _log.warning("the broker does not answer: %s", failure)
                consumer = None
                await self._clock.sleep(delay)
                delay = min(2 * delay, _LONGEST_WAIT)

    async def _is_stuck(self) -> bool:
        """Wait a moment for the end of an attempt; return whether there was none lately."""
        ends = self._ends
        # After the first time what stands behind is looked for at once, a little at a time.
        await self._clock.sleep(_NEXT_LOOK if self._ends == self._stuck_at else _STUCK)
        if self._ends != ends:
            self._stuck_at = -1
            self._turned_away = 0
            return False
        self._stuck_at = ends
        return True

    async def _consumer(self) -> Consumer:
        return await self._bus.consumer(
            subjects.TASKS, subjects.TASKS_CONSUMER, [subjects.TASK_QUEUE]
        )

    async def _fetch(self, consumer: Consumer, limit: int) -> None:
        for delivery in await consumer.fetch(limit, timeout=_FETCH):
            self._take(delivery)

    def _take(self, delivery: Delivery) -> None:
        if self._draining.is_set():
            delivery.nak()
            return
        try:
            task = _decode(delivery.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._drop(delivery, "unreadable")
            _log.exception("a task cannot be read")
            return
        if task.request is None and task.plugin is None:
            self._drop(delivery, "unreadable")
            return
        known = self._jobs.get(task.call)
        if known is not None:
            # It came again while it runs: one call is enough, and answers both.
            known.deliveries.append(delivery)
        elif self._clock.now() >= task.deadline:
            self._drop(delivery, "late")
        elif self._parking.may_begin(task.project):
            self._begin(task, delivery)
        elif self._parking.is_full:
            self._turned_away += 1
            delivery.nak(_AGAIN_AFTER if self._turned_away < _MANY else _TURNED_AWAY)
        else:
            self._parking.park(task, delivery)

    def _drop(self, delivery: Delivery, why: str) -> None:
        delivery.ack()
        metrics.STEP_TASKS_DROPPED.labels(why).inc()

    def _begin(self, task: Task, delivery: Delivery) -> None:
        plugin = task.plugin
        made = Attempt(task, self._shop) if plugin is None else PluginCall(task, plugin, self._shop)
        job = _Job(made, delivery, self._clock.monotonic())
        if plugin is not None:
            self._talkers[job] = self._clock.monotonic()
        self._jobs[task.call] = job
        self._parking.shares.take(task.project)
        self._of.setdefault(task.call.execution, {})[job] = None
        self._young.append(job)
        self._begun.set()
        metrics.STEP_ATTEMPTS_IN_FLIGHT.inc()
        job.task = asyncio.get_running_loop().create_task(self._make(job))
        if plugin is not None:
            self._at_work.add(job.task)
            job.task.add_done_callback(self._at_work.discard)

    # One attempt.

    async def _make(self, job: _Job) -> None:
        job.begun = True
        try:
            report = await job.attempt.run()
        except Transient as failure:
            _log.warning("a task is handed back: %s", failure)
            self._hand_back(job, _AGAIN_AFTER)
            return
        except asyncio.CancelledError:
            if not job.canceled:
                raise
            # The notice meant the call, not this task, which still has to report it.
            report = job.attempt.failed("canceled", _STOPPED)
        # crash here: the peer has done its work; its task comes again, under the same key
        crash.here("executor.answered")
        self._finish(job, report)

    def _finish(self, job: _Job, report: Finished) -> None:
        if job.done:
            return
        job.done = True
        exchange = report.exchange
        if exchange.fault is None:
            _ANSWERED.inc()
            if exchange.status is not None:  # a plugin is no peer, and has seconds of its own
                metrics.STEP_ATTEMPT_SECONDS.observe(exchange.latency)
        else:
            metrics.STEP_ATTEMPTS.labels(exchange.fault).inc()
        self._reports.send(report, lambda: self._handed_over(job))

    def _handed_over(self, job: _Job) -> None:
        if self._forget(job):
            for delivery in job.deliveries:
                delivery.ack()

    def _hand_back(self, job: _Job, delay: float) -> None:
        """Let the broker deliver a task again: nothing of it was, or can be, reported."""
        if self._forget(job):
            job.done = True
            for delivery in job.deliveries:
                delivery.nak(delay)

    def _forget(self, job: _Job) -> bool:
        call = job.attempt.task.call
        if self._jobs.get(call) is not job:
            return False
        del self._jobs[call]
        self._ends += 1
        self._parking.shares.give_back(job.attempt.task.project)
        if not self._draining.is_set():
            self._unpark()
        self._talkers.pop(job, None)
        mates = self._of[call.execution]
        mates.pop(job, None)
        if not mates:
            del self._of[call.execution]
        metrics.STEP_ATTEMPTS_IN_FLIGHT.dec()
        self._changed.set()
        return True

    def _unpark(self) -> None:
        """Begin what has waited for a place and has one now."""
        while (parked := self._parking.ready()) is not None:
            task, delivery = parked
            known = self._jobs.get(task.call)
            if known is not None:
                known.deliveries.append(delivery)
            elif self._clock.now() >= task.deadline:
                self._drop(delivery, "late")
            else:
                self._begin(task, delivery)

    # Slow calls.

    async def _pace(self) -> None:
        """Announce calls that take long, and keep the broker from delivering them again."""
        while True:
            if not self._jobs:
                self._young.clear()
                self._slow.clear()
                self._begun.clear()
                await self._begun.wait()
            now = self._clock.monotonic()
            self._announce(now)
            self._ask_for_time(now)
            if self._talkers:
                self._pass_on(now)
            await self._clock.sleep(self._pause(now))

    def _announce(self, now: float) -> None:
        young = self._young
        while young and (young[0].done or young[0].next_word <= now):
            job = young.popleft()
            if self._jobs.get(job.attempt.task.call) is not job:
                continue
            if not job.done:
                attempt = job.attempt
                self._reports.send(Started(attempt.task.call, attempt.started_at, self._shop.name))
            job.next_word = now + WORKING - SLOW
            self._slow.append(job)

    def _ask_for_time(self, now: float) -> None:
        if now >= self._next_patience:
            self._next_patience = now + WORKING
            for delivery in self._parking.deliveries():
                delivery.working()
        slow = self._slow
        for _ in range(len(slow)):
            if slow[0].next_word > now:
                break
            job = slow.popleft()
            if self._jobs.get(job.attempt.task.call) is not job:
                continue
            for delivery in job.deliveries:
                delivery.working()
            job.next_word = now + WORKING
            slow.append(job)

    def _pass_on(self, now: float) -> None:
        """Report what plugins have said that are still at work."""
        for job, since in self._talkers.items():
            if now - since < TALK or job.done or not isinstance(job.attempt, PluginCall):
                continue
            self._talkers[job] = now
            if (said := job.attempt.said()) is not None:
                self._reports.send(said)

    def _pause(self, now: float) -> float:
        """Return the seconds to the next word, at most until a call begun now would be slow."""
        nearest = min((line[0].next_word for line in (self._young, self._slow) if line), default=0)
        return min(SLOW, max(0.01, nearest - now)) if nearest else SLOW

    # Cancel notices.

    async def _listen(self) -> None:
        while True:
            try:
                subscription = await self._bus.subscribe(subjects.EVERY_CANCEL)
                try:
                    while True:
                        notice = await subscription.next(60.0)
                        if notice is not None:
                            self._cancel(notice[0].split(".")[2], notice[1].decode())
                finally:
                    await subscription.close()
            except BusUnavailable:
                # A lost notice costs an answer that nobody wants, and no more.
                await self._clock.sleep(_LONGEST_WAIT)

    def _cancel(self, execution: str, loop: str = "") -> None:
        for job in tuple(self._of.get(execution, ())):
            call = job.attempt.task.call
            if loop and not is_inside(call.ref, loop):
                continue
            if call.phase == "up" and not job.done and job.task is not None:
                job.canceled = True
                job.task.cancel()
                if not job.begun:  # a task that never had its turn cannot tell
                    self._finish(job, job.attempt.failed("canceled", _STOPPED))
