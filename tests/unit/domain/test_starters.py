"""Starters: what they are told, when they fire, and what their streams come to."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain import starters as s
from mainspring.domain.envelope import EMPTY, Meta, StreamId, head_of, seal
from mainspring.domain.rows import StarterRow
from mainspring.domain.upcast import event_in

ID = "0190b2f0-0000-7000-8000-000000000001"
START = 1_800_000_000.0
EVERY_MINUTE = s.Schedule(cron="* * * * *")


class Life:
    """A starter's stream, and what is decided on top of it."""

    def __init__(self, spec: s.Spec = EVERY_MINUTE, **wish: Any) -> None:
        self.head = EMPTY
        self.row: StarterRow | None = None
        self.form: s.StarterSet | None = None
        self.events = list[s.Event]()
        self.set(spec, **wish)

    @property
    def starter(self) -> s.Starter:
        assert self.row is not None
        assert self.form is not None
        return s.Starter(self.row, self.form)

    def set(self, spec: s.Spec, now: float = START, **wish: Any) -> list[s.Event]:
        before = self.starter if self.row is not None else None
        told = s.Wish("native", "w", spec, **wish)
        return self.take(s.wanted(ID, told, before, now=now))

    def take(self, events: list[s.Event]) -> list[s.Event]:
        stream = StreamId("starter", ID)
        for event in events:
            (sealed,) = seal(stream, self.head, [event], meta=Meta(), project="p", now=event.at)
            read = event_in(sealed)
            assert read == event
            self.row = s.evolve(self.row, sealed, event)
            self.form = event if isinstance(event, s.StarterSet) else self.form
            self.head = head_of(sealed)
        self.events += events
        return events

    def fire(self, now: float) -> tuple[float, ...]:
        """Record what is due as fired; return the instants, less the start of all."""
        found = s.due(self.starter, now=now)
        if found is None:
            return ()
        if found.note is not None:
            skipped = s.StarterSkipped(
                note=found.note, next_at=found.next_at, due_at=found.due_at, at=now
            )
            self.take([skipped])
        self.take(
            [
                s.StarterFired(
                    instant=at,
                    execution=s.run_at(ID, at),
                    next_at=found.next_at,
                    due_at=found.due_at,
                    at=now,
                )
                for at in found.instants
            ]
        )
        return tuple(at - START for at in found.instants)


def test_a_schedule_is_due_at_its_next_instant_and_not_before() -> None:
    life = Life()
    assert life.starter.row.next_at == START + 60
    assert life.fire(START + 59.999) == ()
    assert life.fire(START + 60) == (60,)
    assert life.starter.row.next_at == START + 120
    assert life.starter.row.last_at == START + 60
    assert life.fire(START + 60) == ()


def test_a_single_instant_fires_once_also_when_it_lies_in_the_past() -> None:
    life = Life(s.Schedule(at=START - 5))
    assert life.fire(START) == (-5,)
    assert life.fire(START + 1e6) == ()
    assert life.starter.row.next_at is None


def test_a_single_instant_that_has_fired_does_not_again_when_it_is_resumed() -> None:
    life = Life(s.Schedule(at=START + 5))
    assert life.fire(START + 5) == (5,)
    life.take(s.paused(life.starter, now=START + 6))
    life.take(s.resumed(life.starter, now=START + 7))
    assert life.fire(START + 8) == ()


def test_an_interval_counts_from_when_it_was_set() -> None:
    life = Life(s.Schedule(interval=7.5))
    assert [life.fire(START + t) for t in (7.4, 7.5, 15, 22.6)] == [(), (7.5,), (15,), (22.5,)]


HOUR = 3600.0


def test_what_was_missed_is_let_be_when_the_schedule_says_so() -> None:
    life = Life(s.Schedule(interval=60.0))
    assert life.fire(START + HOUR + 30) == (HOUR,)
    assert life.starter.row.note == "59 missed instants were not caught up with"
    assert life.starter.row.next_at == START + HOUR + 60


def test_the_last_missed_instant_is_caught_up_with() -> None:
    life = Life(s.Schedule(interval=HOUR, catchup="last"))
    assert life.fire(START + 5.5 * HOUR) == (5 * HOUR,)
    assert life.starter.row.next_at == START + 6 * HOUR


def test_all_missed_instants_are_caught_up_with_in_order() -> None:
    life = Life(s.Schedule(interval=HOUR, catchup="all"))
    assert life.fire(START + 3.5 * HOUR) == (HOUR, 2 * HOUR, 3 * HOUR)
    assert life.starter.row.note is None


def test_no_more_than_the_newest_thousand_are_caught_up_with_and_the_row_says_so() -> None:
    life = Life(s.Schedule(interval=10.0, catchup="all"))
    fired = life.fire(START + 20_005)
    assert (len(fired), fired[0], fired[-1]) == (1000, 10_010, 20_000)
    assert life.starter.row.note == (
        "more than 1000 instants were missed; 1000 of them were caught up with"
    )


def test_what_is_later_than_allowed_is_not_started() -> None:
    life = Life(s.Schedule(interval=HOUR, catchup="all", max_late=90.0))
    assert life.fire(START + 2 * HOUR + 89) == (2 * HOUR,)
    assert life.fire(START + 3 * HOUR + 91) == ()
    assert life.starter.row.next_at == START + 4 * HOUR


def test_what_may_be_late_is_missed_all_the_same_where_nothing_is_caught_up_with() -> None:
    life = Life(s.Schedule(interval=HOUR, max_late=600.0))
    assert life.fire(START + HOUR + 60) == (HOUR,)
    assert life.fire(START + 2 * HOUR + 61) == ()
    assert life.starter.row.note == "1 missed instant was not caught up with"


def test_jitter_delays_each_instant_alike_wherever_it_is_worked_out() -> None:
    spec = s.Schedule(interval=HOUR, jitter=600.0)
    life, other = Life(spec), Life(spec)
    due_at = life.starter.row.due_at
    assert due_at == other.starter.row.due_at
    assert due_at is not None
    assert START + HOUR < due_at < START + HOUR + 600
    assert life.fire(due_at - 0.001) == ()
    assert life.fire(due_at) == (HOUR,)


def test_a_paused_schedule_is_never_due_and_resumed_it_goes_on_from_then() -> None:
    life = Life(s.Schedule(interval=HOUR, catchup="all"))
    life.take(s.paused(life.starter, now=START + 1))
    assert s.paused(life.starter, now=START + 2) == []
    assert life.fire(START + 9 * HOUR) == ()
    life.take(s.resumed(life.starter, now=START + 9.5 * HOUR))
    assert s.resumed(life.starter, now=START + 9.6 * HOUR) == []
    assert life.fire(START + 9.9 * HOUR) == ()
    assert life.fire(START + 10 * HOUR) == (10 * HOUR,)


def test_setting_what_is_so_already_changes_nothing_even_when_it_is_paused() -> None:
    life = Life()
    life.take(s.paused(life.starter, now=START + 1))
    assert life.set(EVERY_MINUTE, now=START + 2) == []
    assert not life.starter.row.enabled
    assert life.set(s.Schedule(cron="0 * * * *"), now=START + 3) != []
    assert life.starter.row.enabled


def test_one_that_is_removed_is_never_due_and_can_be_set_again() -> None:
    life = Life()
    life.take(s.removed(life.starter, now=START + 1))
    assert s.removed(life.starter, now=START + 2) == []
    assert life.fire(START + 999) == ()
    life.set(EVERY_MINUTE, now=START + 600)
    assert life.starter.row.removed_at is None
    assert life.starter.row.created_at == START + 600
    assert life.fire(START + 660) == (660,)


def test_one_that_begins_disabled_has_no_next_instant() -> None:
    life = Life(enabled=False)
    assert life.starter.row.next_at is None
    assert life.fire(START + 999) == ()


def test_a_webhooks_address_is_its_key_or_its_path_in_the_project() -> None:
    assert Life(s.Webhook(key="k" * 32)).starter.row.key == "k" * 32
    life = Life(s.Webhook(path="a/b"))
    assert life.starter.row.key == "p\na/b"
    life.take(s.removed(life.starter, now=START))
    assert life.starter.row.key is None


@pytest.mark.parametrize("text", ["a/b", "/a/b", "/hooks/a/b", "hooks/a/b/", "/a/b/"])
def test_the_paths_of_webhooks_are_compared_without_their_surroundings(text: str) -> None:
    assert s.plain_path(text) == "a/b"


def test_a_follower_follows_only_the_ends_that_it_was_told() -> None:
    life = Life(s.Follow(workflow="load", statuses=s.ends_of(["SUCCESS", "timed_out"])))
    assert s.is_followed(life.starter, ["x", "load"], "succeeded")
    assert s.is_followed(life.starter, ["load"], "timed_out")
    assert not s.is_followed(life.starter, ["load"], "failed")
    assert not s.is_followed(life.starter, ["other"], "succeeded")
    life.take(s.paused(life.starter, now=START + 2))
    assert not s.is_followed(life.starter, ["load"], "succeeded")


def test_words_of_all_dialects_say_how_a_run_ended() -> None:
    assert s.ends_of(["FAILED", "Completed", "nonsense"]) == ("failed", "corrupted", "succeeded")
    assert s.word_of("flows", "corrupted") == "FAILED"
    assert s.word_of("runs", "succeeded") == "completed"
    assert s.word_of("sagas", "corrupted") == "corrupted"


def test_the_runs_of_a_starter_are_named_after_what_made_it_start() -> None:
    assert s.run_at(ID, START) == s.run_at(ID, START) != s.run_at(ID, START + 1)
    assert s.run_after(ID, ID) != s.run_for(ID, ID)
    assert s.run_for(ID, "d", START) != s.run_for(ID, "d")
    at = int(s.run_at(ID, START).replace("-", "")[:12], 16)
    assert at == START * 1000


def test_a_span_has_its_instants_each_once_and_no_more_than_a_thousand() -> None:
    life = Life(s.Schedule(interval=60.0))
    found = s.instants_between(life.starter, START + 60, START + 180)
    assert found == (START + 60, START + 120, START + 180)
    assert s.instants_between(life.starter, START, START + 60 * 1001) is None
    assert s.instants_between(Life(s.Webhook(key="k")).starter, 0, 9e9) == ()


SPECS = st.one_of(
    st.builds(
        s.Schedule,
        interval=st.floats(1.0, 5000.0),
        catchup=st.sampled_from(["none", "last", "all"]),
        jitter=st.sampled_from([0.0, 0.5, 100.0]),
        max_late=st.sampled_from([None, 5.0, 500.0]),
    ),
    st.builds(s.Schedule, cron=st.sampled_from(["* * * * *", "*/5 * * * *", "0 * * * *"])),
    st.builds(s.Schedule, at=st.floats(START - 10, START + 9000)),
)
SCRIPT = st.lists(
    st.tuples(st.sampled_from(["fire", "pause", "resume", "remove", "set"]), st.floats(0, 2000)),
    max_size=25,
)


@given(SPECS, SCRIPT)
def test_no_instant_is_fired_twice_or_early_whatever_happens(
    spec: s.Spec, script: list[tuple[str, float]]
) -> None:
    life, now = Life(spec), START
    for verb, wait in script:
        now += wait
        match verb:
            case "fire":
                before = len(life.events)
                life.fire(now)
                for event in life.events[before:]:
                    if isinstance(event, s.StarterFired):
                        assert event.instant <= now
                again = s.due(life.starter, now=now)
                assert again is None
            case "pause":
                life.take(s.paused(life.starter, now=now))
            case "resume" if life.starter.row.removed_at is None:
                life.take(s.resumed(life.starter, now=now))
            case "remove":
                life.take(s.removed(life.starter, now=now))
            case "set" if isinstance(spec, s.Schedule) and spec.at is None:
                life.set(spec, now=now)
            case _:
                pass
    fired = [event.instant for event in life.events if isinstance(event, s.StarterFired)]
    assert len(fired) == len(set(fired))
    assert fired == sorted(fired)


@given(SPECS)
def test_what_is_stored_is_read_as_it_was(spec: s.Spec) -> None:
    event = s.StarterSet(dialect="flows", workflow="w", spec=spec, input={"a": 1}, at=START)
    assert msgspec.json.decode(msgspec.json.encode(event), type=s.StarterSet) == event
