"""The mailbox: the one way in which an input reaches a run.

The parts of the engine that produce inputs (router, outbox, scheduler, recovery, external agents) are needed by the supervisor,
which drives the runs. The mailbox breaks that circle: it is created before all of them, and the supervisor attaches itself to it.
"""

from __future__ import annotations

from typing import Protocol

from orchestrator_bridge.run.inputs import RunInput


class InputReceiver(Protocol):
    """Drives runs. `RunSupervisor` implements it."""

    def receive(self, run: int, run_input: RunInput) -> None:
        """Pass an input to the driver of its run, and start a driver where there is none."""
        ...


class Mailbox:
    """Delivers inputs to runs. It has no receiver before `attach`, and nothing may be delivered before that."""

    def __init__(self) -> None:
        self._receiver: InputReceiver | None = None

    def attach(self, receiver: InputReceiver) -> None:
        """Deliver to this receiver from now on."""
        self._receiver = receiver

    def deliver(self, run: int, run_input: RunInput) -> None:
        """Deliver an input to a run; an idle run wakes up. Returns at once: the run handles the input in its next transaction.

        After the engine has stopped, inputs are dropped. What matters is stored elsewhere (inbox, outbox, deadlines), and the
        next start delivers it again.
        """
        assert self._receiver is not None, "an input was delivered before the supervisor was created"
        self._receiver.receive(run, run_input)
