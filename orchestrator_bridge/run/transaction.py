"""What one transaction of a run will hold: events, and the rows and posts that follow from them."""

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
    """Grows event by event; `state` is the run as it will be when all of them are stored."""

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
        transaction.events.append(started)
        transaction.rows += [*project_event(None, started, transaction.state), *render_event(None, started, transaction.state)]
        return transaction

    def add(self, event: e.Event) -> None:
        """Take an event in, with everything that follows from it."""
        before, self.state = self.state, apply(self.state, event)
        self.events.append(event)
        self.rows += [*project_event(before, event, self.state), *render_event(before, event, self.state)]

    @property
    def pending_actions(self) -> tuple[Action, ...]:
        """What `decide` says of the state."""
        return decide(self.state)

    def fail(self, reason: str) -> None:
        """End the run without an answer, closing what is open."""
        for event in cancel_open(self.state, "the run has ended"):
            self.add(replace(event, at=self.now))
        self.add(e.RunFailed(at=self.now, reason=reason))

    def mark_handled(self, key: str, why: str = "") -> None:
        """What was heard is dealt with in this transaction."""
        self.rows.append(InboxEntryHandled(key=key, why=why))

    def reply(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Tell whoever caused this, once the transaction is stored."""
        self.replies.append((event, reply))

    @property
    def after(self) -> int:
        """The position behind which the events go."""
        return self.before.seq if self.before else 0

    def finish(self) -> None:
        """Add what the transaction as a whole changes: times to look again, and the card if people would see a difference."""
        self.rows += project_transaction(self.before, self.state)
        shows = self.before is not None and self.state.end is None and self.state.external_agent is None
        if shows and self.before is not None and render_run_card(self.before) != render_run_card(self.state):
            self.rows.append(render_card_update(self.state))
