"""When a failed model call is tried again. A plain function of the failure and how often it failed before."""

from __future__ import annotations

from orchestrator_bridge.model.errors import CircuitOpen, ModelError, Transient

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the second try, doubled each time, and the most that it grows to."""

LONGEST_WISH = 600.0
"""Seconds: a provider that asks to wait longer is as good as down."""


def retry_at(error: ModelError, failures: int, tries: int, now: float, *, backup: bool = False) -> float | None:
    """The time of the next try, or None if there is none; `failures` counts those before this one.

    What is known to be down is not waited for where a `backup` stands ready.
    """
    final = not isinstance(error, Transient) and error.retry_after is None
    if final or failures + 1 >= tries or (backup and isinstance(error, CircuitOpen)):
        return None
    if error.retry_after is not None:
        return now + max(0.0, error.retry_after) if error.retry_after <= LONGEST_WISH else None
    return now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**failures)


def billed(error: ModelError) -> bool | None:
    """Whether a failed call may have cost something: nobody knows where it was cut short after it had been taken, or where the
    provider looked at what was asked before it refused (xAI charges for that, docs.x.ai/docs/models, "usage guidelines")."""
    return None if error.kind in ("timed_out", "down", "garbled", "refused_content") else False
