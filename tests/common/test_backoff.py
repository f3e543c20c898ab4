"""Exponential backoff: doubled delays up to a limit."""

from __future__ import annotations

from orchestrator_bridge.common.backoff import Backoff

BACKOFF = Backoff(first=0.5, longest=60.0)


def test_the_delay_doubles_with_every_failure() -> None:
    assert [BACKOFF.delay(failures) for failures in range(4)] == [0.5, 1.0, 2.0, 4.0]


def test_the_delay_never_exceeds_the_longest_one_however_many_attempts_failed() -> None:
    assert BACKOFF.delay(7) == BACKOFF.delay(1_000_000) == 60.0
