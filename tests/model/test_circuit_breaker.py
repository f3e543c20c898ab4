"""Circuit breaker of a route: closed, open, probing, and the transitions between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.errors import InvalidApiKey, Overloaded, ProviderUnavailable, RateLimited
from orchestrator_bridge.model.interface import CallEstimate, Response
from orchestrator_bridge.model.limits import circuit_breaker
from orchestrator_bridge.model.limits.limiter import RouteLimiter

TROUBLE = Overloaded("xAI has trouble (503).")


def road() -> RouteLimiter:
    return RouteLimiter(CallEstimate(route="r", provider="xAI", tokens=1))


def goes(the_road: RouteLimiter, name: str, now: float) -> bool:
    """Whether a call that comes now goes now; else it leaves."""
    the_road.enqueue((1, name), 1)
    if the_road.admit_next(now) == (1, name):
        return the_road.claim((1, name))
    the_road.release((1, name), now)
    return False


def broken(times: int = circuit_breaker.FAILURES) -> RouteLimiter:
    the_road = road()
    for number in range(times):
        assert goes(the_road, f"call {number}", 0.0)
        the_road.completed((1, f"call {number}"), TROUBLE, 0.0)
    return the_road


def test_the_circuit_opens_after_five_failures_and_names_the_reason() -> None:
    assert goes(broken(circuit_breaker.FAILURES - 1), "one more", 0.0)
    the_road = broken()
    assert not goes(the_road, "one more", 1.0)
    error = the_road.circuit_error(1.0)
    assert error is not None
    assert error.found == "xAI is down: xAI has trouble (503)."
    assert error.retry_after == circuit_breaker.PROBE_BACKOFF.first - 1.0


def test_a_success_between_failures_starts_the_count_again() -> None:
    the_road = broken(circuit_breaker.FAILURES - 1)
    assert goes(the_road, "good", 0.0)
    the_road.completed((1, "good"), Response(), 0.0)
    assert goes(the_road, "bad", 0.0)
    the_road.completed((1, "bad"), TROUBLE, 0.0)
    assert the_road.circuit_error(0.0) is None


def test_a_refusal_or_a_rate_limit_shows_that_the_provider_is_up() -> None:
    the_road = road()
    for number in range(3 * circuit_breaker.FAILURES):
        assert goes(the_road, str(number), 0.0)
        the_road.completed((1, str(number)), InvalidApiKey("wrong key") if number % 2 else RateLimited("slower"), 0.0)


def test_after_the_pause_one_probe_goes_and_the_others_wait_for_its_result() -> None:
    the_road = broken()
    for name in ("probe", "next"):
        the_road.enqueue((1, name), 1)
    assert the_road.admit_next(circuit_breaker.PROBE_BACKOFF.first - 0.1) is None
    assert the_road.admit_next(circuit_breaker.PROBE_BACKOFF.first) == (1, "probe")
    assert the_road.admit_next(circuit_breaker.PROBE_BACKOFF.first + 5) is None
    assert the_road.throttled((1, "next"), circuit_breaker.PROBE_BACKOFF.first + 5).why == "xAI to come back"
    the_road.completed((1, "probe"), Response(), circuit_breaker.PROBE_BACKOFF.first + 6)
    assert the_road.admit_next(circuit_breaker.PROBE_BACKOFF.first + 6) == (1, "next")


def test_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    the_road, now, pause = broken(), 0.0, circuit_breaker.PROBE_BACKOFF.first
    for number in range(8):
        assert not goes(the_road, "too soon", now + pause - 0.1)
        now += pause
        assert goes(the_road, f"probe {number}", now)
        the_road.completed((1, f"probe {number}"), ProviderUnavailable("no connection"), now)
        pause = min(circuit_breaker.PROBE_BACKOFF.longest, 2 * pause)
    assert pause == circuit_breaker.PROBE_BACKOFF.longest


def test_an_abandoned_probe_makes_the_next_call_the_probe() -> None:
    the_road = broken()
    assert goes(the_road, "probe", circuit_breaker.PROBE_BACKOFF.first)
    the_road.completed((1, "probe"), None, circuit_breaker.PROBE_BACKOFF.first + 1)
    assert goes(the_road, "another", circuit_breaker.PROBE_BACKOFF.first + 1)
    assert not goes(the_road, "not both", circuit_breaker.PROBE_BACKOFF.first + 1)


def test_a_late_failure_of_an_earlier_call_is_ignored() -> None:
    the_road = road()
    assert goes(the_road, "slow", 0.0)
    for number in range(circuit_breaker.FAILURES):
        assert goes(the_road, str(number), 0.0)
    for number in range(circuit_breaker.FAILURES):
        the_road.completed((1, str(number)), TROUBLE, 0.0)
    assert goes(the_road, "probe", circuit_breaker.PROBE_BACKOFF.first)
    the_road.completed((1, "slow"), TROUBLE, circuit_breaker.PROBE_BACKOFF.first + 1)
    the_road.completed((1, "probe"), Response(), circuit_breaker.PROBE_BACKOFF.first + 2)
    assert goes(the_road, "back", circuit_breaker.PROBE_BACKOFF.first + 2)


def test_a_very_long_retry_after_opens_the_circuit() -> None:
    the_road = road()
    assert goes(the_road, "a", 0.0)
    the_road.completed((1, "a"), RateLimited("come back tomorrow", retry_after=40_000), 0.0)
    assert not goes(the_road, "b", 1000.0)
    assert goes(the_road, "c", 40_000.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=60))
def test_never_more_than_one_probe_and_never_a_call_while_it_is_open(course: list[tuple[bool, float]]) -> None:
    circuit, now, in_a_row = circuit_breaker.CLOSED, 0.0, 0
    for good, pause in course:
        now += pause
        match circuit_breaker.check_circuit(circuit, now):
            case "no":
                assert in_a_row >= circuit_breaker.FAILURES
                assert now < circuit.until
                continue
            case "as a probe":
                circuit = circuit_breaker.start_probe(circuit)
                assert circuit_breaker.check_circuit(circuit, now) == "after the probe"
                circuit = circuit_breaker.CLOSED if good else circuit_breaker.record_failure(circuit, now, "down", probe=True)
            case _:
                assert in_a_row < circuit_breaker.FAILURES
                circuit = circuit_breaker.CLOSED if good else circuit_breaker.record_failure(circuit, now, "down")
        in_a_row = 0 if good else in_a_row + 1
