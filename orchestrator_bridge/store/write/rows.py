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

    from orchestrator_bridge.store.change import Statement
    from orchestrator_bridge.store.rows import Record

_STATEMENTS: dict[type, Callable[[Any], Statement]] = {
    kinds.RunOpened: runs.insert_run,
    kinds.RunClosed: runs.close_run,
    kinds.RunBusy: runs.set_run_busy,
    kinds.RunMessageLinked: runs.link_run_message,
    kinds.QuestionOpened: questions.insert_question,
    kinds.QuestionUpdated: questions.update_question,
    kinds.QuestionClosed: questions.close_question,
    kinds.QuestionMessageLinked: questions.link_question_message,
    kinds.ReplyStored: questions.upsert_reply,
    kinds.ReplyRemoved: questions.delete_reply,
    kinds.CallUsageRecorded: calls.upsert_call,
    kinds.BudgetRaised: raises.insert_budget_grant,
    kinds.OutboxEntry: posts.upsert_post,
    kinds.PostSent: posts.mark_post_sent,
    kinds.PostFailed: posts.mark_post_failed,
    kinds.PostDropped: posts.mark_post_dropped,
    kinds.BlobStored: pictures.insert_picture,
    kinds.PromptTokensObserved: counting.upsert_token_calibration,
    kinds.ModelSelected: picks.upsert_model_selection,
    kinds.ToolResultStored: results.insert_tool_result,
    kinds.OutcomeDelivered: outside.mark_outcome_delivered,
    kinds.TokenCreated: outside.insert_token,
    kinds.TokenRevoked: outside.revoke_token,
}


def to_statement(row: Record, now: float) -> Statement:
    """The change that a row stands for; `now` by our clock is for rows that carry no time of their own."""
    if isinstance(row, kinds.InboxEntryHandled):
        return inbox.mark_inbound_handled(row, now)
    return _STATEMENTS[type(row)](row)
