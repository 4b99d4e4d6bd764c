"""A policy counts retries, not tries; the jitter comes after the cap; a peer's wish lengthens."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.definition import Retry
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.message import replace
from mainspring.domain.retry import LONGEST_WISH, allows, chance, delay, nonce, retry_at
from mainspring.domain.task import Exchange, Fault
from mainspring.testing.shapes import again, path, task
from mainspring.testing.spec import START, advance, answers, breaks, given, has, starts

POLICIES = st.builds(
    Retry,
    retries=st.integers(0, 5),
    delay=st.floats(0, 100),
    max_delay=st.floats(0, 1000),
    multiplier=st.floats(1, 10),
    jitter=st.floats(0, 1),
    linear=st.booleans(),
)


def answer(
    status: int | None = None, retry_after: float | None = None, fault: Fault | None = None
) -> Exchange:
    return Exchange(
        verb="POST",
        url="http://peer.test",
        started_at=START,
        latency=0.1,
        status=status,
        retry_after=retry_after,
        fault=fault,
    )


def test_the_policy_counts_retries_so_two_of_them_are_three_tries():
    spec = given(path(task("a"), retry=again(2, delay=1.0))).when(advance())
    spec = spec.when(answers("a", 500)).then_has(has(e.StepFailed, attempt=1, retry_at=START + 1))
    spec = spec.when(advance(), at=1.0).when(answers("a", 500), at=1.0)
    spec = spec.when(advance(), at=2.0).then(has(e.StepScheduled, ref="a", visit=1, attempt=3))
    spec.when(answers("a", 500), at=2.0).then_has(
        has(e.StepFailed, attempt=3, retry_at=None), has(e.ExecutionFailed)
    )


def test_a_retry_is_never_early():
    spec = given(path(task("a"), retry=again(1, delay=1.0))).when(advance())
    spec = spec.when(answers("a", 500))
    spec.when(advance(), at=0.999).then_nothing().when(advance(), at=1.0).then(has(e.StepScheduled))


def test_a_steps_own_policy_goes_before_the_definitions():
    definition = path(task("a", retry=again(1)), task("b"), retry=again(0))
    spec = given(definition).when(advance()).when(answers("a", 500)).step_is("a", "retrying")
    spec.when(advance(), at=1.0).when(answers("a")).when(answers("b", 500)).step_is("b", "failed")


def test_each_step_counts_its_own_tries():
    spec = given(path(task("a"), task("b"), retry=again(1, delay=0.0))).when(advance())
    spec = spec.when(answers("a", 500)).then_has(has(e.StepScheduled, ref="a", attempt=2))
    spec = spec.when(answers("a")).when(answers("b", 500))
    spec.then_has(has(e.StepScheduled, ref="b", attempt=2))


def test_the_delays_grow_up_to_the_cap():
    policy = again(9, delay=1.0, multiplier=2.0, max_delay=5.0)
    assert [delay(policy, n, 0.5) for n in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_jitter_comes_after_the_cap_and_may_pass_it():
    policy = again(9, delay=10.0, max_delay=10.0, jitter=0.5)
    assert delay(policy, 3, 0.0) == 5.0
    assert delay(policy, 3, 0.9999) == pytest.approx(15.0, abs=0.01)


def test_delays_are_whole_milliseconds():
    assert delay(again(1, delay=0.0019), 1, 0.5) == 0.001


def test_a_linear_delay_grows_by_the_first_one():
    policy = Retry(retries=5, delay=1.5, max_delay=5.0, linear=True)
    assert [delay(policy, n, 0.5) for n in range(1, 6)] == [1.5, 3.0, 4.5, 5.0, 5.0]


@forall(POLICIES, st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_no_delay_is_negative_nor_above_the_jittered_cap(policy: Retry, retry: int, luck: float):
    assert 0 <= delay(policy, retry, luck) <= policy.max_delay * (1 + policy.jitter)


def test_a_peers_wish_lengthens_the_delay():
    spec = given(path(task("a"), retry=again(1, delay=1.0))).when(advance())
    spec.when(answers("a", 429, retry_after=30.0)).then_has(
        has(e.StepFailed, retry_at=START + 30.0)
    )


def test_a_peers_wish_never_shortens_the_delay():
    spec = given(path(task("a"), retry=again(1, delay=60.0))).when(advance())
    spec.when(answers("a", 503, retry_after=5.0)).then_has(has(e.StepFailed, retry_at=START + 60))


def test_no_try_begins_later_than_the_policy_lets_it_after_the_first_one():
    policy = Retry(retries=9, delay=4.0, max_duration=10.0)
    spec = given(path(task("a"), retry=policy)).when(advance())
    for n in (0.0, 4.0):
        spec = spec.when(answers("a", 500), at=n).then_has(
            has(e.StepFailed, retry_at=START + n + 4)
        )
        spec = spec.when(advance(), at=n + 4)
    spec.when(answers("a", 500), at=8.0).then_has(
        has(e.StepFailed, attempt=3, retry_at=None), has(e.ExecutionFailed)
    )


def test_the_span_of_all_tries_begins_with_the_first_one_and_not_in_the_queue():
    policy = Retry(retries=1, delay=4.0, max_duration=10.0)
    spec = given(path(task("a"), retry=policy)).when(advance()).when(starts("a"), at=20.0)
    spec.when(answers("a", 500), at=25.0).then_has(has(e.StepFailed, retry_at=START + 29))


def test_a_peers_wish_beyond_the_span_of_all_tries_ends_them():
    policy = Retry(retries=1, max_duration=10.0)
    spec = given(path(task("a"), retry=policy)).when(advance())
    spec.when(answers("a", 429, retry_after=11.0)).then_has(has(e.StepFailed, retry_at=None))


def test_a_reset_step_has_the_whole_span_again():
    policy = Retry(retries=1, delay=4.0, max_duration=10.0)
    spec = given(path(task("a"), retry=policy)).when(advance()).when(answers("a", 500), at=9.0)
    spec = spec.then_has(has(e.ExecutionFailed)).when(c.RequestRetry()).when(advance(), at=50.0)
    spec.when(answers("a", 500), at=55.0).then_has(has(e.StepFailed, retry_at=START + 59))


@forall(
    POLICIES, st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1, exclude_max=True), st.data()
)
def test_a_next_try_lies_within_the_span_or_there_is_none(
    policy: Retry, span: float, spent: float, luck: float, data: st.DataObject
):
    tries = data.draw(st.integers(1, policy.retries + 1))
    now, bounded = START + spent, replace(policy, max_duration=span)
    free = retry_at(policy, tries, answer(500), now=now, luck=luck, first_at=START)
    at = retry_at(bounded, tries, answer(500), now=now, luck=luck, first_at=START)
    assert at == (None if free is None or free > START + span else free)


def test_an_absurd_wish_is_capped():
    busy = answer(503, retry_after=1e9)
    at = retry_at(again(1), 1, busy, now=START, luck=0.5, first_at=START)
    assert at == START + LONGEST_WISH


@pytest.mark.parametrize(
    ("rules", "exchange", "allowed"),
    [
        (None, answer(404), True),
        (("5xx",), answer(503), True),
        (("5xx",), answer(404), False),
        (("404",), answer(404), True),
        (("4xx", "timeout"), answer(429), True),
        (("timeout",), answer(fault="timeout"), True),
        (("timeout",), answer(fault="connection"), False),
        (("connection",), answer(fault="connection"), True),
        (("timeout",), None, True),
        (("5xx",), None, False),
        ((), answer(500), False),
    ],
)
def test_retry_on_narrows_what_is_tried_again(
    rules: tuple[str, ...] | None, exchange: Exchange | None, allowed: bool
):
    assert allows(again(1, retry_on=rules), 1, exchange) is allowed


def test_what_retry_on_leaves_out_fails_the_run_at_once():
    definition = path(task("a", retry=again(5, retry_on=("5xx", "timeout"))))
    spec = given(definition).when(advance())
    spec.when(breaks("a", "timeout")).step_is("a", "retrying")
    spec.when(answers("a", 404)).then_has(has(e.StepFailed, retry_at=None), has(e.ExecutionFailed))


def test_chance_depends_on_nothing_but_its_seed():
    assert chance("s", "a", 1) == chance("s", "a", 1)
    assert chance("s", "a", 1) != chance("s", "a", 2) != chance("t", "a", 2)
    assert all(0 <= chance("s", n) < 1 for n in range(100))
    assert len(nonce("s", "a")) == 32


def test_what_a_plugin_tells_of_a_status_counts_as_one():
    said = Exchange(
        verb="PLUGIN",
        url="http.request",
        started_at=START,
        latency=0.1,
        fault="failed",
        body={"status_code": 503},
    )
    for rules, holds in (
        (("5xx",), True),
        (("503",), True),
        (("failed",), True),
        (("4xx",), False),
    ):
        assert allows(Retry(retries=1, retry_on=rules), 1, said) is holds
