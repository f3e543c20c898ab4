"""Whether a route may be called while its provider has trouble: a circuit breaker, as a value and plain functions of `now`.

    closed ──five failures in a row──▶ open ──its pause is over, one call goes as a probe──▶ probing
      ▲                                  ▲                                                     │
      └────────── any success ───────────┼───────────────── the probe fails: twice the pause ──┘

While it is open, calls fail at once: nobody waits for the timeout of what is known to be down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from orchestrator_bridge.common.backoff import Backoff

FAILURES = 5
"""Failures in a row that open a circuit: more than one call's bad luck, fewer than one call's tries."""

PROBE_BACKOFF = Backoff(first=30.0, longest=300.0)
"""Delays before a probe, doubled with each probe that fails."""

CircuitDecision = Literal["yes", "as a probe", "after the probe", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Circuit:
    """What is known of a route's health. `until`: when a probe may go, in seconds; `why`: the newest failure, in words."""

    state: Literal["closed", "open", "probing"] = "closed"
    failures: int = 0
    failed_probes: int = 0
    until: float = 0.0
    why: str = ""


CLOSED = Circuit()


def check_circuit(circuit: Circuit, now: float) -> CircuitDecision:
    """Whether a call may go now."""
    match circuit.state:
        case "closed":
            return "yes"
        case "probing":
            return "after the probe"
        case "open":
            return "as a probe" if now >= circuit.until else "no"


def start_probe(circuit: Circuit) -> Circuit:
    """One call is out to see whether the provider is back."""
    return replace(circuit, state="probing")


def record_failure(circuit: Circuit, now: float, why: str, *, probe: bool = False) -> Circuit:
    """A call failed for a fault of the provider. One that was out since before the circuit opened says nothing new."""
    if circuit.state == "probing" and probe:
        failed = circuit.failed_probes + 1
        until = now + PROBE_BACKOFF.delay(failed)
        return replace(circuit, state="open", failures=circuit.failures + 1, failed_probes=failed, until=until, why=why)
    if circuit.state != "closed":
        return circuit
    circuit = replace(circuit, failures=circuit.failures + 1, why=why)
    return (
        open_circuit(circuit, now + PROBE_BACKOFF.delay(circuit.failed_probes), why) if circuit.failures >= FAILURES else circuit
    )


def open_circuit(circuit: Circuit, until: float, why: str) -> Circuit:
    """Open until a time, such as the one that a provider named."""
    return replace(circuit, state="open", until=until, why=why)


def abandon_probe(circuit: Circuit, now: float) -> Circuit:
    """The probe was given up before it could tell: the next call is one."""
    return replace(circuit, state="open", until=now) if circuit.state == "probing" else circuit
