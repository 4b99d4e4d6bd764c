"""How the appends of a process come to share transactions."""

import asyncio
from collections.abc import Sequence

import pytest

from mainspring.domain.errors import Corrupt, LogUnavailable
from mainspring.ports import Append, Appended
from mainspring.store.group_commit import GroupCommit, Outcome, split
from mainspring.testing.samples import append, execution_stream, head_after

A, B, C, D = (execution_stream(n) for n in range(4))


class Gate:
    """A writer that notes each batch and finishes it when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Append]] = []
        self._open = asyncio.Event()
        self._open.set()
        self.error: Exception | None = None

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def write(self, appends: Sequence[Append]) -> list[Outcome]:
        self.batches.append(list(appends))
        await self._open.wait()
        if self.error:
            raise self.error
        return [Appended((len(self.batches),)) for _ in appends]

    def streams(self) -> list[list[str]]:
        names = {A: "A", B: "B", C: "C", D: "D"}
        return [[names[each.stream] for each in batch] for batch in self.batches]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, no time


async def test_a_lone_append_waits_for_nobody() -> None:
    gate = Gate()
    commits = GroupCommit(gate.write)
    assert await commits.append([append(A)]) == [Appended((1,))]
    assert (commits.batches, commits.streams, commits.events) == (1, 1, 1)


async def test_appends_of_one_turn_go_together() -> None:
    gate = Gate()
    commits = GroupCommit(gate.write)
    await asyncio.gather(*(commits.append([append(s)]) for s in (A, B, C)))
    assert gate.streams() == [["A", "B", "C"]]


async def test_what_arrives_during_a_write_is_the_next_batch() -> None:
    gate = Gate()
    gate.close()
    commits = GroupCommit(gate.write)
    calls = [asyncio.create_task(commits.append([append(A)]))]
    await turns()
    calls += [asyncio.create_task(commits.append([append(s)])) for s in (B, C)]
    await turns()
    assert gate.streams() == [["A"]]
    gate.open()
    assert await asyncio.gather(*calls) == [[Appended((1,))], [Appended((2,))], [Appended((2,))]]
    assert gate.streams() == [["A"], ["B", "C"]]


async def test_one_stream_never_stands_twice_in_a_transaction() -> None:
    gate = Gate()
    commits = GroupCommit(gate.write)
    first, other = append(A), append(A, head_after(append(A)))
    await asyncio.gather(
        commits.append([first, append(B)]), commits.append([other]), commits.append([append(C)])
    )
    assert gate.streams() == [["A", "B"], ["A", "C"]]
    assert [batch[0] for batch in gate.batches] == [first, other]


async def test_a_batch_that_repeats_a_stream_is_cut_before_the_repetition() -> None:
    first, second = append(A), append(A, head_after(append(A)))
    assert split([first, append(B), second, append(C)]) == [
        [first, append(B)],
        [second, append(C)],
    ]
    assert split([]) == []


async def test_a_batch_is_bounded() -> None:
    gate = Gate()
    commits = GroupCommit(gate.write, max_streams=2)
    await asyncio.gather(*(commits.append([append(s)]) for s in (A, B, C)))
    assert gate.streams() == [["A", "B"], ["C"]]
    await commits.append([append(A), append(B), append(C)])  # one caller's batch stays whole
    assert gate.streams()[2:] == [["A", "B", "C"]]


async def test_an_error_of_the_writer_reaches_every_caller_and_the_next_batch_goes_on() -> None:
    gate = Gate()
    gate.error = LogUnavailable("away")
    commits = GroupCommit(gate.write)
    calls = (commits.append([append(A)]), commits.append([append(B), append(C)]))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LogUnavailable, LogUnavailable]
    gate.error = None
    assert await commits.append([append(D)]) == [Appended((2,))]


async def test_a_write_that_is_cancelled_fails_its_callers_and_those_behind_it_go_on() -> None:
    gate = Gate()
    gate.close()
    began: list[asyncio.Task[object]] = []

    async def write(appends: Sequence[Append]) -> list[Outcome]:
        task = asyncio.current_task()
        assert task is not None
        began.append(task)
        return await gate.write(appends)

    commits = GroupCommit(write)
    first = asyncio.create_task(commits.append([append(A)]))
    await turns()
    second = asyncio.create_task(commits.append([append(B)]))
    await turns()
    began[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.open()
    assert await second == [Appended((2,))]


async def test_a_lone_append_is_written_in_the_turn_after_it_was_given() -> None:
    gate = Gate()
    commits = GroupCommit(gate.write)
    call = asyncio.create_task(commits.append([append(A)]))
    await turns(2)  # one for the caller's own task
    assert gate.streams() == [["A"]]
    await call


async def test_an_append_that_cannot_be_fails_its_caller_alone() -> None:
    async def write(appends: Sequence[Append]) -> list[Outcome]:
        return [Corrupt("no") if each.stream == A else Appended((1,)) for each in appends]

    commits = GroupCommit(write)
    bad, good = await asyncio.gather(
        commits.append([append(A)]), commits.append([append(B)]), return_exceptions=True
    )
    assert isinstance(bad, Corrupt)
    assert good == [Appended((1,))]


async def test_a_caller_that_leaves_the_line_takes_its_appends_with_it() -> None:
    gate = Gate()
    gate.close()
    commits = GroupCommit(gate.write)
    first = asyncio.create_task(commits.append([append(A)]))
    await turns()
    leaver = asyncio.create_task(commits.append([append(B)]))
    stayer = asyncio.create_task(commits.append([append(C)]))
    await turns()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    gate.open()
    await asyncio.gather(first, stayer)
    assert gate.streams() == [["A"], ["C"]]


async def test_a_caller_that_leaves_during_its_write_harms_nobody() -> None:
    gate = Gate()
    gate.close()
    commits = GroupCommit(gate.write)
    leaver = asyncio.create_task(commits.append([append(A)]))
    stayer = asyncio.create_task(commits.append([append(B)]))
    await turns()
    leaver.cancel()
    await turns()
    gate.open()
    assert await stayer == [Appended((1,))]
    assert gate.streams() == [["A", "B"]]


async def test_closing_waits_for_what_was_handed_in() -> None:
    gate = Gate()
    gate.close()
    commits = GroupCommit(gate.write)
    calls = [asyncio.create_task(commits.append([append(s)])) for s in (A, B)]
    await turns()
    closing = asyncio.create_task(commits.close())
    await turns()
    assert not closing.done()
    gate.open()
    await closing
    assert await asyncio.gather(*calls) == [[Appended((1,))], [Appended((1,))]]
