"""The statement of each record."""

from __future__ import annotations

from typing import assert_never

from orchestrator_bridge.run import records
from orchestrator_bridge.store.sql import blobs, decisions, external, messages, questions, runs, usage
from orchestrator_bridge.store.sql.statement import Statement


def to_statement(row: records.Record, now: float) -> Statement:  # noqa: C901  (one case a record)
    """The statement that writes a row. `now` is for rows without a time of their own."""
    match row:
        case records.RunOpened():
            return runs.insert_run(row)
        case records.RunClosed():
            return runs.close_run(row)
        case records.RunBusy():
            return runs.set_run_busy(row)
        case records.RunMessageLinked():
            return runs.link_run_message(row)
        case records.QuestionOpened():
            return questions.insert_question(row)
        case records.QuestionUpdated():
            return questions.update_question(row)
        case records.QuestionClosed():
            return questions.close_question(row)
        case records.QuestionMessageLinked():
            return questions.link_question_message(row)
        case records.DecisionStored():
            return decisions.insert_decision(row)
        case records.DecisionSuperseded():
            return decisions.supersede_decision(row)
        case records.ReplyStored():
            return questions.upsert_reply(row)
        case records.ReplyRemoved():
            return questions.delete_reply(row)
        case records.CallUsageRecorded():
            return usage.upsert_call(row)
        case records.BudgetRaised():
            return usage.insert_budget_grant(row)
        case records.PromptTokensObserved():
            return usage.upsert_token_calibration(row)
        case records.OutboxEntry():
            return messages.upsert_post(row)
        case records.PostSent():
            return messages.mark_post_sent(row)
        case records.PostFailed():
            return messages.mark_post_failed(row)
        case records.PostDropped():
            return messages.mark_post_dropped(row)
        case records.BlobStored():
            return blobs.insert_picture(row)
        case records.ToolResultStored():
            return blobs.insert_tool_result(row)
        case records.ModelSelected():
            return blobs.upsert_model_selection(row)
        case records.OutcomeDelivered():
            return external.mark_outcome_delivered(row)
        case records.TokenCreated():
            return external.insert_token(row)
        case records.TokenRevoked():
            return external.revoke_token(row)
        case records.InboxEntryHandled():
            return messages.mark_inbound_handled(row, now)
        case _:
            assert_never(row)
