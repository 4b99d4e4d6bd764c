"""Which tasks may begin: no project has more places than are still free.

One project alone has as many as the operator allows, and the others find as many again, half of
which the next one may have, and so on: whose calls hang keeps nobody else from making any.  What
has no place waits here, a few, so that a burst of quick calls goes on at once; and when nothing
moves the rest is handed back, so that what stands behind it in the queue is seen.
"""

from collections import deque
from collections.abc import Iterator

from mainspring.domain.shares import Shares
from mainspring.domain.task import Task
from mainspring.ports import Delivery

Parked = tuple[Task, Delivery]


class Parking:
    """Places of attempts by project, and the tasks that wait for one."""

    def __init__(self, concurrency: int) -> None:
        self.shares: Shares[str] = Shares(2 * concurrency)
        self._concurrency = concurrency
        self._most = max(1, concurrency // 2)
        self._waiting: dict[str, deque[Parked]] = {}
        self._count = 0

    @property
    def free(self) -> int:
        """How many tasks of one project alone could be begun or wait here."""
        return max(0, self._concurrency - self.shares.total) + max(0, self._most - self._count)

    @property
    def is_full(self) -> bool:
        """Whether no further task may wait here."""
        return self._count >= self._most

    def may_begin(self, project: str) -> bool:
        """Return whether a task of a project may begin before those that wait."""
        return project not in self._waiting and self.shares.has_room(project)

    def park(self, task: Task, delivery: Delivery) -> None:
        """Let a task wait for a place of its project."""
        self._waiting.setdefault(task.project, deque()).append((task, delivery))
        self._count += 1

    def ready(self) -> Parked | None:
        """Remove and return a task whose project has a place now; projects take turns."""
        for project in self._waiting:
            if self.shares.has_room(project):
                line = self._waiting.pop(project)
                first = line.popleft()
                self._count -= 1
                if line:
                    self._waiting[project] = line
                return first
        return None

    def deliveries(self) -> Iterator[Delivery]:
        """Yield what the broker has to be asked for patience with."""
        for line in self._waiting.values():
            for _, delivery in line:
                yield delivery

    def empty(self) -> None:
        """Hand back whatever waits."""
        for delivery in self.deliveries():
            delivery.nak()
        self._waiting.clear()
        self._count = 0
