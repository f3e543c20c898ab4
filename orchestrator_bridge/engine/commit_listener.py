"""The commit listener: passes each committed transaction of a run to the parts of the engine that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from orchestrator_bridge.engine.answer_stream import AnswerStreams
from orchestrator_bridge.engine.call_progress import ProgressUpdates
from orchestrator_bridge.engine.inbox import Inbox
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.engine.run_states import RunIndex, RunWatchers
from orchestrator_bridge.engine.scheduler import DeadlineScheduler
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.run import records
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex
from orchestrator_bridge.run.state import RunState


class CommitListener:
    """Called once a transaction is on disk, never before: nothing that a crash could undo is posted, counted or scheduled."""

    def __init__(
        self,
        *,
        index: RunIndex,
        streams: AnswerStreams,
        updates: ProgressUpdates,
        ledger: UsageLedger,
        outbox: Outbox,
        inbox: Inbox,
        deadlines: DeadlineScheduler,
        open_questions: OpenQuestionIndex,
        watchers: RunWatchers,
    ) -> None:
        self._index = index
        self._streams = streams
        self._updates = updates
        self._ledger = ledger
        self._outbox = outbox
        self._inbox = inbox
        self._deadlines = deadlines
        self._open_questions = open_questions
        self._watchers = watchers

    def committed(self, state: RunState, rows: Sequence[records.Record]) -> None:
        """Follow a transaction: `state` is the run after it, `rows` are what it wrote beside the log."""
        self._index.update(state)
        self._streams.run_committed(state)
        self._ledger.record(state.place, rows)
        self._outbox.enqueue(rows)
        self._updates.run_committed(state)
        for row in rows:
            self._follow(state, row)
        self._watchers.update(state)

    def _follow(self, state: RunState, row: records.Record) -> None:
        match row:
            case records.QuestionOpened():
                self._deadlines.schedule(state.run, row.question, row.fires_at)
                self._open_questions.add(row.question, state.run, state.place, row.people)
            case records.QuestionUpdated():
                self._deadlines.schedule(state.run, row.question, row.fires_at)
                if row.people is not None:
                    self._open_questions.set_audience(row.question, row.people)
            case records.QuestionClosed():
                self._deadlines.cancel(row.question)
                self._open_questions.discard(row.question)
            case records.QuestionMessageLinked() | records.RunMessageLinked():
                self._inbox.place_registered(row.place)
            case (
                records.OutboxEntry()
                | records.CallUsageRecorded()
                | records.BudgetRaised()
                | records.RunOpened()
                | records.RunClosed()
                | records.RunBusy()
                | records.ReplyStored()
                | records.ReplyRemoved()
                | records.InboxEntryHandled()
                | records.PostSent()
                | records.PostFailed()
                | records.PostDropped()
                | records.BlobStored()
                | records.ToolResultStored()
                | records.PromptTokensObserved()
                | records.ModelSelected()
                | records.OutcomeDelivered()
                | records.TokenCreated()
                | records.TokenRevoked()
                | records.DecisionStored()
                | records.DecisionSuperseded()
            ):
                pass  # for the store alone, or taken by the outbox and the ledger from all rows at once
            case _:
                assert_never(row)
