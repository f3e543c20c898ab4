"""Progress of long model calls on run cards: how long an agent has been writing, and how many tokens have arrived.

Best effort, and nothing of it is stored. A card gets its progress while it is sent, and is edited for it now and then; such an
edit is dropped where a stored one waits or the platform's limits leave no room. A stored card has no progress, so the cards of
runs with calls in flight are edited once after a start: they may show the progress of the process before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.chat.outbound import CardAgent, RunCard
from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.model.interface import OnProgress
from orchestrator_bridge.run.presentation.run import THINKING, WRITING_FINAL, render_card_update
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState

SHOWN_AFTER = 10.0
"""Seconds of a call from which a card shows its progress. Most calls are shorter."""

UPDATE_INTERVAL = 10.0
"""Seconds between two edits of one card for its progress."""

SPACING = 2.0
"""Seconds between two such edits on one platform: some limit the edits of a whole workspace, to about fifty a minute."""

EDITABLE_FOR = 3000.0
"""Seconds after a run's start in which progress is shown: some platforms limit the edits of messages older than an hour."""

_EARLIER = "call of an earlier process"


@dataclass(slots=True)
class _CallInProgress:
    """A call that was sent. `tokens` have arrived so far."""

    agent: str
    began_at: float
    tokens: int = 0

    def receive(self, tokens: int) -> None:
        """Count tokens that have arrived."""
        self.tokens += tokens


class CallProgress:
    """The calls in flight of all runs, and which of them the cards show."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[int, dict[str, _CallInProgress]] = {}
        self._shown: dict[int, frozenset[str]] = {}
        self._refused: set[int] = set()

    def begin(self, state: RunState, action: str) -> OnProgress:
        """Follow a call that is being sent. Returns the receiver of its tokens, callable from any thread."""
        call = _CallInProgress(agent=state.calls[action].agent, began_at=self._clock.now())
        if not state.calls[action].is_side_call:
            self._calls.setdefault(state.run, {})[action] = call
        return call.receive

    def end(self, run: int, action: str) -> None:
        """Forget a call that has ended."""
        calls = self._calls.get(run, {})
        calls.pop(action, None)
        if not calls:
            self._calls.pop(run, None)

    def suspect(self, runs: Iterable[int]) -> None:
        """Take the cards of these runs as showing calls of an earlier process."""
        self._shown |= dict.fromkeys(runs, frozenset({_EARLIER}))

    def forget(self, run: int) -> None:
        """Forget the card of a run that has ended."""
        self._shown.pop(run, None)
        self._refused.discard(run)

    def give_up(self, run: int) -> None:
        """Show no more progress of a run whose card cannot be edited."""
        self._shown.pop(run, None)
        self._refused.add(run)

    def shown_from(self, run: int) -> float | None:
        """The time from which the card of a run has progress to show; None if no call is in flight, or it cannot be edited."""
        if run in self._refused:
            return None
        return min((call.began_at + SHOWN_AFTER for call in self._calls.get(run, {}).values()), default=None)

    def is_stale(self, run: int) -> bool:
        """True if the card shows a call that has ended."""
        return not self._shown.get(run, frozenset()) <= self._calls.get(run, {}).keys()

    def with_progress(self, card: RunCard) -> RunCard:
        """The card as it is sent now: agents whose calls have lasted for `SHOWN_AFTER` with their progress."""
        begun_by = self._clock.now() - SHOWN_AFTER
        calls = {action: call for action, call in self._calls.get(card.run, {}).items() if call.began_at <= begun_by}
        if card.ended or not calls:
            self._shown.pop(card.run, None)
            return card
        self._shown[card.run] = frozenset(calls)
        by_agent = {call.agent: call for call in calls.values()}
        return replace(card, agents=tuple(self._with_state(agent, by_agent) for agent in card.agents))

    def _with_state(self, agent: CardAgent, calls: Mapping[str, _CallInProgress]) -> CardAgent:
        call = calls.get(agent.name)
        if call is None or agent.state not in (THINKING, WRITING_FINAL):
            return agent
        doing = "writing" if call.tokens and agent.state == THINKING else agent.state
        tokens = f" · {call.tokens:,} tokens" if call.tokens else ""
        return replace(agent, state=f"{doing} · {format_duration(self._clock.now() - call.began_at)}{tokens}")


ShowProgress = Callable[[OutboxEntry], bool]
"""Edits a card without storing that. False if there is no room for the edit now, and it is dropped."""


@dataclass(slots=True)
class _FollowedCard:
    """The run of a card as of its last transaction, the alarm of its next edit and its time. No edit before `not_before`."""

    state: RunState
    alarm: Alarm | None = None
    due: float = 0.0
    not_before: float = 0.0


@dataclass(slots=True)
class ProgressUpdates:
    """Edits run cards while their calls are in flight, and once after the last of them."""

    progress: CallProgress
    show: ShowProgress
    adapters: Mapping[str, Adapter]
    clock: Clock
    _cards: dict[int, _FollowedCard] = field(default_factory=dict)
    _free_at: dict[str, float] = field(default_factory=dict)

    def call_begun(self, state: RunState, action: str) -> OnProgress:
        """Follow a call that is being sent. Returns the receiver of its tokens, callable from any thread."""
        receive = self.progress.begin(state, action)
        self.run_committed(state)
        return receive

    def run_committed(self, state: RunState) -> None:
        """Follow a run to its new state: an edit may be due, or none any more."""
        adapter = self.adapters.get(state.place.platform)
        if adapter is None or not adapter.capabilities.edits or state.external_agent is not None:
            return
        card = self._cards.setdefault(state.run, _FollowedCard(state))
        card.state = state
        due = self._due(card)
        if state.end is not None:
            self.progress.forget(state.run)
        if due is None or state.end is not None:
            self._drop(card)
        elif card.alarm is None or due < card.due:
            self._schedule(card, due)

    def stop(self) -> None:
        """Edit nothing any more."""
        for card in list(self._cards.values()):
            self._drop(card)

    def _due(self, card: _FollowedCard) -> float | None:
        """The time of the next edit of a card; None if there is nothing to show."""
        now = self.clock.now()
        if self.progress.is_stale(card.state.run):
            return now
        due = self.progress.shown_from(card.state.run)
        return None if due is None or now > card.state.started_at + EDITABLE_FOR else max(due, card.not_before)

    def _schedule(self, card: _FollowedCard, due: float) -> None:
        if card.alarm is not None:
            card.alarm.cancel()
        card.due = max(due, self._free_at.get(card.state.place.platform, 0.0))
        card.alarm = self.clock.call_at(card.due, lambda: self._update(card))

    def _update(self, card: _FollowedCard) -> None:
        """Edit a card, and again after a while; later if its platform had no room."""
        card.alarm = None
        platform, now, due = card.state.place.platform, self.clock.now(), self._due(card)
        if due is None:
            self._drop(card)
        elif due > now or self._free_at.get(platform, 0.0) > now:
            self._schedule(card, due)
        else:
            if self.show(render_card_update(card.state)):
                self._free_at[platform] = now + SPACING
            card.not_before = now + UPDATE_INTERVAL
            self._schedule(card, card.not_before)

    def _drop(self, card: _FollowedCard) -> None:
        if card.alarm is not None:
            card.alarm.cancel()
        self._cards.pop(card.state.run, None)
