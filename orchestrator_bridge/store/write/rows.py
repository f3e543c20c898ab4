"""Which row is written how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator_bridge.store import rows as kinds
from orchestrator_bridge.store.write import (
    calls,
    counting,
    inbox,
    outside,
    picks,
    pictures,
    posts,
    questions,
    raises,
    results,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator_bridge.store.change import Change
    from orchestrator_bridge.store.rows import Row

_WRITES: dict[type, Callable[[Any], Change]] = {
    kinds.RunOpened: runs.opened,
    kinds.RunClosed: runs.closed,
    kinds.RunBusy: runs.busy,
    kinds.RunPlaced: runs.placed,
    kinds.QuestionOpened: questions.opened,
    kinds.QuestionMoved: questions.moved,
    kinds.QuestionClosed: questions.closed,
    kinds.QuestionPlaced: questions.placed,
    kinds.ReplyTaken: questions.reply_taken,
    kinds.ReplyGone: questions.reply_gone,
    kinds.CallBooked: calls.booked,
    kinds.BudgetRaised: raises.raised,
    kinds.Outgoing: posts.written,
    kinds.PostSent: posts.sent,
    kinds.PostFailed: posts.failed,
    kinds.PostDropped: posts.dropped,
    kinds.PictureKept: pictures.kept,
    kinds.PromptCounted: counting.learned,
    kinds.ModelPicked: picks.picked,
    kinds.ResultKept: results.kept,
    kinds.OutcomeTold: outside.told,
    kinds.TokenMade: outside.made,
    kinds.TokenWithdrawn: outside.withdrawn,
}


def written(row: Row, now: float) -> Change:
    """The change that a row stands for; `now` by our clock is for rows that carry no time of their own."""
    if isinstance(row, kinds.InboxHandled):
        return inbox.handled(row, now)
    return _WRITES[type(row)](row)
