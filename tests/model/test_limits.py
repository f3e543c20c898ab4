"""Limits of a route under arbitrary arrivals: never above the limit in any minute, fair to all runs, no starvation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.model.errors import RateLimited
from orchestrator_bridge.model.interface import CallEstimate, Response, Usage
from orchestrator_bridge.model.limits.fair_queue import MINUTE, FairQueue, SlidingWindow
from orchestrator_bridge.model.limits.limiter import RouteLimiter

REQUESTS, TOKENS = 4, 100
Came = tuple[float, int, int]
"""When a call comes, of which run, and with how many tokens."""

calls = st.lists(
    st.tuples(st.floats(0, 300, allow_nan=False), st.integers(1, 4), st.integers(1, 150)), min_size=1, max_size=40
).map(sorted)


def road() -> RouteLimiter:
    demand = CallEstimate(route="r", provider="xAI", tokens=0, requests_per_minute=REQUESTS, tokens_per_minute=TOKENS)
    return RouteLimiter(demand)


def played(came: Sequence[Came]) -> list[tuple[float, int, int]]:
    """What a road lets through and when: the time jumps to whatever happens next, as the gate's alarms do."""
    the_road, waiting = road(), list(enumerate(came))
    tokens = {(run, str(number)): size for number, (_, run, size) in waiting}
    went: list[tuple[float, int, int]] = []
    now = 0.0
    while waiting or the_road.next_check_at(now) is not None:
        now = min(at for at in (waiting[0][1][0] if waiting else None, the_road.next_check_at(now)) if at is not None)
        while waiting and waiting[0][1][0] <= now:
            number, (_, run, size) = waiting.pop(0)
            the_road.enqueue((run, str(number)), size)
        while (key := the_road.admit_next(now)) is not None:
            assert the_road.claim(key)
            went.append((now, key[0], tokens[key]))
    return went


def within(went: Iterable[tuple[float, int, int]], begin: float) -> list[int]:
    return [tokens for at, _, tokens in went if begin <= at < begin + MINUTE]


@given(calls)
@settings(max_examples=200)
def test_no_minute_holds_more_than_the_limit_wherever_it_begins(came: list[Came]) -> None:
    went = played(came)
    for begin, _, _ in went:
        sizes = within(went, begin)
        assert len(sizes) <= REQUESTS
        assert sum(sizes) <= TOKENS or len(sizes) == 1


@given(calls)
@settings(max_examples=200)
def test_every_call_is_admitted_and_a_runs_calls_keep_their_order(came: list[Came]) -> None:
    went = played(came)
    assert Counter((run, size) for _, run, size in went) == Counter((run, size) for _, run, size in came)
    for run in {run for _, run, _ in came}:
        assert [size for _, sender, size in went if sender == run] == [size for _, sender, size in came if sender == run]


@given(calls)
@settings(max_examples=200)
def test_no_time_is_wasted_while_a_call_waits(came: list[Came]) -> None:
    """Whoever goes later than she came goes at the very moment at which there is room."""
    window = SlidingWindow(REQUESTS, TOKENS)
    for (before, _, _), (at, _, size) in pairwise([(0.0, 0, 0), *played(came)]):
        assert at in {came_at for came_at, _, _ in came} or at == window.free_at(size, before)
        window.record(size, at)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_between_two_turns_of_a_run_every_waiting_run_has_one(runs: list[int]) -> None:
    turns = FairQueue()
    for number, run in enumerate(runs):
        turns.enqueue((run, str(number)), 1)
    order = [waiting.key[0] for waiting in turns.in_order()]
    left = Counter(runs)
    for place, run in enumerate(order):
        left[run] -= 1
        if left[run]:
            following = order.index(run, place + 1)
            others = {other for other, count in left.items() if count and other != run}
            assert set(order[place + 1 : following]) == others


def test_a_run_with_one_call_waits_for_one_call_of_a_run_with_sixteen() -> None:
    the_road = road()
    for number in range(REQUESTS):
        the_road.enqueue((9, f"before {number}"), 1)
        assert the_road.admit_next(0.0)
    for number in range(16):
        the_road.enqueue((1, f"agent {number}"), 1)
    the_road.enqueue((2, "alone"), 1)
    assert [the_road.admit_next(MINUTE) for _ in range(2)] == [(1, "agent 0"), (2, "alone")]


def test_reported_usage_replaces_the_estimate_in_the_window() -> None:
    the_road = road()
    the_road.enqueue((1, "a"), TOKENS)
    the_road.enqueue((1, "b"), 60)
    assert the_road.admit_next(0.0) == (1, "a")
    assert the_road.admit_next(1.0) is None
    the_road.completed((1, "a"), Response(usage=Usage(input=30, output=10)), 1.0)
    assert the_road.admit_next(1.0) == (1, "b")


def test_a_released_call_is_refunded() -> None:
    the_road = road()
    the_road.enqueue((1, "a"), TOKENS)
    the_road.enqueue((2, "b"), TOKENS)
    assert the_road.admit_next(0.0) == (1, "a")
    the_road.release((1, "a"), 0.0)
    assert the_road.admit_next(0.0) == (2, "b")


def test_retry_after_applies_to_all_calls_of_the_route() -> None:
    the_road = road()
    for name in ("a", "b"):
        the_road.enqueue((1, name), 1)
    assert the_road.admit_next(0.0) == (1, "a")
    the_road.completed((1, "a"), RateLimited("Too many requests.", retry_after=12), 1.0)
    assert the_road.admit_next(2.0) is None
    hold = the_road.throttled((1, "b"), 2.0)
    assert (hold.why, hold.until) == ("xAI's rate limit", 13.0)
    assert the_road.admit_next(13.0) == (1, "b")


def test_the_expected_wait_counts_the_calls_ahead() -> None:
    the_road = road()
    for number in range(REQUESTS + 1):
        the_road.enqueue((1, str(number)), 1)
    the_road.enqueue((1, "last"), TOKENS)
    for _ in range(REQUESTS):
        assert the_road.admit_next(5.0)
    assert the_road.throttled((1, str(REQUESTS)), 6.0).until == 5.0 + MINUTE
    assert the_road.throttled((1, "last"), 6.0).until == 5.0 + 2 * MINUTE
