"""Circuit breaker of a route, as an immutable value and pure functions of `now` (seconds since the epoch).

    closed ──five failures in a row──▶ open ──pause elapsed, one call goes as a probe──▶ probing
      ▲                                  ▲                                                  │
      └──────── any success ─────────────┼────────── the probe fails: pause doubled ────────┘

Calls fail at once while the circuit is open, so that nobody waits for the timeout of a provider that is known to be down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from orchestrator_bridge.common.backoff import Backoff

FAILURES = 5
"""Consecutive failures that open a circuit: more than one call's bad luck, fewer than the attempts of a single call."""

PROBE_BACKOFF = Backoff(first=30.0, longest=300.0)
"""Delays before a probe, doubled with each probe that fails."""

CircuitDecision = Literal["yes", "as a probe", "after the probe", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Circuit:
    """Health of a route. `until` is the time from which a probe may go; `why` is the most recent failure, for people."""

    state: Literal["closed", "open", "probing"] = "closed"
    failures: int = 0
    failed_probes: int = 0
    until: float = 0.0
    why: str = ""


CLOSED = Circuit()


def check_circuit(circuit: Circuit, now: float) -> CircuitDecision:
    """Decide if a call may go now."""
    match circuit.state:
        case "closed":
            return "yes"
        case "probing":
            return "after the probe"
        case "open":
            return "as a probe" if now >= circuit.until else "no"
        case _:
            assert_never(circuit.state)


def start_probe(circuit: Circuit) -> Circuit:
    """Let one call test whether the provider has recovered; all others wait for its result."""
    return replace(circuit, state="probing")


def record_failure(circuit: Circuit, now: float, why: str, *, probe: bool = False) -> Circuit:
    """Count a failure that is the provider's fault. `probe` says if the failed call was the probe."""
    if circuit.state == "probing" and probe:
        failed = circuit.failed_probes + 1
        until = now + PROBE_BACKOFF.delay(failed)
        return replace(circuit, state="open", failures=circuit.failures + 1, failed_probes=failed, until=until, why=why)
    if circuit.state != "closed":
        # The call started before the circuit opened: its failure is old news and must not extend the pause.
        return circuit
    circuit = replace(circuit, failures=circuit.failures + 1, why=why)
    if circuit.failures < FAILURES:
        return circuit
    return open_circuit(circuit, now + PROBE_BACKOFF.delay(circuit.failed_probes), why)


def open_circuit(circuit: Circuit, until: float, why: str) -> Circuit:
    """Open the circuit until a given time, such as the one that a provider named."""
    return replace(circuit, state="open", until=until, why=why)


def abandon_probe(circuit: Circuit, now: float) -> Circuit:
    """Return to `open` after a probe that ended without a verdict; the next call is a probe at once."""
    return replace(circuit, state="open", until=now) if circuit.state == "probing" else circuit
