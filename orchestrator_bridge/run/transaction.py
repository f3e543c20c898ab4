"""One transaction of a run: events, and the records and posts that follow from them, stored together or not at all."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.inbound import InboundEvent
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import Action, decide
from orchestrator_bridge.run.presentation.run import render_card_update, render_event, render_run_card
from orchestrator_bridge.run.projection import project_event, project_transaction
from orchestrator_bridge.run.records import InboxEntryHandled, Record
from orchestrator_bridge.run.reducer import apply, initial_state
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.termination import cancel_open


class Transaction:
    """Grows event by event. `state` is the run as it will be once the transaction is stored.

    `before` is the stored state, None for a new run. `replies` are sent after the transaction is stored. `questions_to_sync` are
    the expired questions whose threads must be read before they fall back.
    """

    def __init__(self, state: RunState, now: float) -> None:
        self.before: RunState | None = state
        self.state = state
        self.now = now
        self.events: list[e.Event] = []
        self.rows: list[Record] = []
        self.replies: list[tuple[InboundEvent, PrivateReply]] = []
        self.questions_to_sync: tuple[int, ...] = ()

    @classmethod
    def of_new_run(cls, started: e.RunStarted) -> Transaction:
        """The transaction that begins a run."""
        transaction = cls(initial_state(started), started.at)
        transaction.before = None
        transaction._derive(None, started)
        return transaction

    def add(self, event: e.Event) -> None:
        """Apply an event and add the records and posts that follow from it."""
        before, self.state = self.state, apply(self.state, event)
        self._derive(before, event)

    def _derive(self, before: RunState | None, event: e.Event) -> None:
        self.events.append(event)
        self.rows += [*project_event(before, event, self.state), *render_event(before, event, self.state)]

    @property
    def pending_actions(self) -> tuple[Action, ...]:
        """The outstanding actions of the state as it is now."""
        return decide(self.state)

    def fail(self, reason: str) -> None:
        """End the run without an answer, and close what is open."""
        for event in cancel_open(self.state, "the run has ended"):
            self.add(replace(event, at=self.now))
        self.add(e.RunFailed(at=self.now, reason=reason))

    def mark_handled(self, key: str, why: str = "") -> None:
        """Mark an inbox entry as handled by this transaction. `why`: the reason, where it changed nothing."""
        self.rows.append(InboxEntryHandled(key=key, why=why))

    def reply(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Reply privately to the author of an inbound event once the transaction is stored."""
        self.replies.append((event, reply))

    @property
    def after(self) -> int:
        """The log position after which the events are appended."""
        return self.before.seq if self.before else 0

    def finish(self) -> None:
        """Add what the transaction as a whole changes: times to look at questions, and the run card if it looks different."""
        self.rows += project_transaction(self.before, self.state)
        # A run of an external agent has no card, and a new run or one that has ended posts its card with that event.
        if self.before is None or self.state.end is not None or self.state.external_agent is not None:
            return
        if render_run_card(self.before) != render_run_card(self.state):
            self.rows.append(render_card_update(self.state))
