"""Look-ups in a store's file: for the process that writes it, and for whoever reads beside it, such as the command line."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from orchestrator_bridge.run import records
from orchestrator_bridge.store.sqlite.connection import ReaderPool, connect
from orchestrator_bridge.store.sqlite.errors import to_store_error
from orchestrator_bridge.store.sqlite.migrate import Migration, bundled_migrations, latest_version
from orchestrator_bridge.store.sqlite.open import open_writer, prepare_and_lock
from orchestrator_bridge.store.sqlite.queries import blobs, external, log, messages, questions, runs, usage
from orchestrator_bridge.store.sqlite.queries.log import append_events
from orchestrator_bridge.store.sqlite.queries.messages import insert_inbound
from orchestrator_bridge.store.sqlite.readonly import ReadOnlyDatabase
from orchestrator_bridge.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from orchestrator_bridge.chat.inbound import InboundEvent, MessageReceived, Place
    from orchestrator_bridge.chat.outbound import PostedMessage
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.run.records import BudgetRaised, QuestionStatus, Record, RunStatus
    from orchestrator_bridge.store.interface import (
        BudgetCharge,
        CostBy,
        CostLine,
        ExternalQuestionSummary,
        ExternalRun,
        LogRow,
        ModelSelection,
        OpenDeadline,
        OpenQuestionAudience,
        PendingPost,
        QuestionSummary,
        RateSample,
        RunSummary,
        Spending,
        StoredToken,
        Target,
        TokenActivity,
        TokenCalibration,
        Viewer,
    )
    from orchestrator_bridge.store.sqlite.connection import QueryExecutor
    from orchestrator_bridge.store.sqlite.open import StoreLock
    from orchestrator_bridge.store.sqlite.writer import Statement


class SqliteQueries:
    """The look-ups over SQLite, wherever they are read from. All of them raise `StoreError` if the file cannot be read."""

    def __init__(self, executor: QueryExecutor) -> None:
        self._executor = executor

    async def log(self, run: int, after: int = 0) -> list[Event]:
        """The events of a run behind a position, in order; empty if there is no such run."""
        return await self._executor.read(partial(log.list_events, run=run, after=after))

    async def log_rows(self, run: int) -> list[LogRow]:
        """Every row of a run's log in order, also those that cannot be read."""
        return await self._executor.read(partial(log.list_log_rows, run=run))

    async def runs(self, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None) -> list[RunSummary]:
        """Runs, newest first; those that a viewer may see, where there is one."""
        return await self._executor.read(partial(runs.list_runs, limit=limit, status=status, viewer=viewer))

    async def questions(
        self, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
    ) -> list[QuestionSummary]:
        """Questions, newest first; those that a viewer may see, where there is one."""
        return await self._executor.read(partial(questions.list_questions, limit=limit, status=status, viewer=viewer))

    async def question(self, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
        """One question; None also where there is a viewer who may not see it."""
        return await self._executor.read(partial(questions.get_question, question=question, viewer=viewer))

    async def costs(self, run: int | None = None) -> list[CostLine]:
        """Costs per run, agent and model, newest run first."""
        return await self._executor.read(partial(runs.list_costs, run=run))

    async def token_calibrations(self) -> list[TokenCalibration]:
        """How far our counts of prompts are from what providers report, by model."""
        return await self._executor.read(usage.list_token_calibrations)

    async def picture(self, picture: str) -> bytes | None:
        """A picture that was kept; None if there is none of this name."""
        return await self._executor.read(partial(blobs.get_picture, picture=picture))

    async def model_selections(self) -> list[ModelSelection]:
        """The models that people picked and that hold, of all channels."""
        return await self._executor.read(blobs.list_model_selections)

    async def tool_result(self, run: int, use: str) -> str | None:
        """The whole result of a use of a tool, where it was kept."""
        return await self._executor.read(partial(blobs.get_tool_result, run=run, use=use))

    async def spending(self, by: CostBy, run: int | None = None, zone: tzinfo = UTC) -> list[Spending]:
        """Costs by what calls have in common, of all runs or of one; days are those of `zone`."""
        return await self._executor.read(partial(usage.list_spending, by=by, run=run, zone=zone))

    async def budget_charges(self, since: float) -> list[BudgetCharge]:
        """What counts against shared budgets since a moment; what is settled is summed by channel."""
        return await self._executor.read(partial(usage.list_budget_charges, since=since))

    async def budget_grants(self, since: float) -> list[BudgetRaised]:
        """What people have granted beyond shared budgets since a moment."""
        return await self._executor.read(partial(usage.list_budget_grants, since=since))

    async def rate_samples(self, since: float) -> list[RateSample]:
        """The calls that were sent after a moment, in their order."""
        return await self._executor.read(partial(usage.list_rate_samples, since=since))

    async def tokens(self) -> list[StoredToken]:
        """Every token for agents outside, by name, withdrawn ones too."""
        return await self._executor.read(external.list_tokens)

    async def token_activity(self, token: str, since: float) -> TokenActivity:
        """What came through a token since a moment, and what of it is open."""
        return await self._executor.read(partial(external.get_token_activity, token=token, since=since))

    async def external_questions(self, token: str, agent: str, place: Place, since: float) -> list[ExternalQuestionSummary]:
        """What an agent outside has asked in a place since a moment, newest first."""
        return await self._executor.read(
            partial(external.list_external_questions, token=token, agent=agent, place=place, since=since)
        )

    async def external_runs(self, token: str, since: float) -> list[ExternalRun]:
        """The runs that came through a token since a moment, newest first; not those of an agent's questions alone."""
        return await self._executor.read(partial(external.list_external_runs, token=token, since=since))

    async def close(self) -> None:
        """Close the file; harmless when done twice."""
        await self._executor.close()


class SqliteLookups(SqliteQueries):
    """`Lookups` beside a bot that runs or has ended: nothing is made, changed or locked. Open it with `open`."""

    @classmethod
    async def open(cls, path: Path, *, migrations: Sequence[Migration] | None = None) -> Self:
        """Open a file that is there.

        Raises:
            NotFound: there is no file.
            Corrupted: it is no database of ours.
            SchemaTooOld: an older release wrote it, and the bot was not started with this one yet.
            SchemaTooNew: a newer release wrote it.
            StoreError: it cannot be read.
        """
        known = latest_version(bundled_migrations() if migrations is None else migrations)
        beside = ReadOnlyDatabase(await asyncio.to_thread(path.resolve), known)
        await beside.read(questions.get_highest_ids)
        return cls(beside)


_STATEMENTS: dict[type, Callable[[Any], Statement]] = {
    records.RunOpened: runs.insert_run,
    records.RunClosed: runs.close_run,
    records.RunBusy: runs.set_run_busy,
    records.RunMessageLinked: runs.link_run_message,
    records.QuestionOpened: questions.insert_question,
    records.QuestionUpdated: questions.update_question,
    records.QuestionClosed: questions.close_question,
    records.QuestionMessageLinked: questions.link_question_message,
    records.ReplyStored: questions.upsert_reply,
    records.ReplyRemoved: questions.delete_reply,
    records.CallUsageRecorded: usage.upsert_call,
    records.BudgetRaised: usage.insert_budget_grant,
    records.OutboxEntry: messages.upsert_post,
    records.PostSent: messages.mark_post_sent,
    records.PostFailed: messages.mark_post_failed,
    records.PostDropped: messages.mark_post_dropped,
    records.BlobStored: blobs.insert_picture,
    records.PromptTokensObserved: usage.upsert_token_calibration,
    records.ModelSelected: blobs.upsert_model_selection,
    records.ToolResultStored: blobs.insert_tool_result,
    records.OutcomeDelivered: external.mark_outcome_delivered,
    records.TokenCreated: external.insert_token,
    records.TokenRevoked: external.revoke_token,
}


def to_statement(row: Record, now: float) -> Statement:
    """The change that a row stands for; `now` by our clock is for rows that carry no time of their own."""
    if isinstance(row, records.InboxEntryHandled):
        return messages.mark_inbound_handled(row, now)
    return _STATEMENTS[type(row)](row)


_READER_COUNT = 2


class SqliteStore(SqliteQueries):
    """`Store` over one SQLite file that this process alone writes. Open it with `open`."""

    def __init__(self, writer: Writer, readers: ReaderPool, lock: StoreLock, clock: Callable[[], float]) -> None:
        super().__init__(readers)
        self._writer = writer
        self._lock = lock
        self._clock = clock

    @classmethod
    async def open(
        cls, path: Path, *, clock: Callable[[], float] = time.time, migrations: Sequence[Migration] | None = None
    ) -> Self:
        """Open a file, or make it and its folder; an older schema is lifted. `clock` gives seconds since the epoch.

        Raises:
            InUse: another process has the file.
            Corrupted: the file is broken, or not ours.
            SchemaTooNew: a newer release wrote it.
            WriteFailed: it cannot be written.
        """
        path = await asyncio.to_thread(path.resolve)
        lock = await _lock_file(path)
        try:
            connection = await connect(
                path, partial(open_writer, path, bundled_migrations() if migrations is None else migrations)
            )
            writer = Writer(connection, path)
        except BaseException:
            lock.release()
            raise
        try:
            readers = await ReaderPool.open(path, _READER_COUNT)
        except BaseException:
            await writer.close()
            lock.release()
            raise
        return cls(writer, readers, lock, clock)

    async def close(self) -> None:
        """Write what waits, close the file and let the next process in. Harmless when done twice."""
        # The writer goes last: the last connection to close moves what the -wal holds into the file.
        await self._executor.close()
        await self._writer.close()
        self._lock.release()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events behind position `after` of a run's log, and rows, in one durable transaction, as `Store.append` says.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the disk does not take it; nothing of it was written.
            ValueError: there are events and no run.
        """
        now = self._clock()
        changes = [*append_events(run, after, events), *(to_statement(row, now) for row in rows)]
        await self._writer.commit(tuple(changes))

    async def receive(self, inbound: InboundEvent, at: float) -> bool:
        """Keep what was heard, durably. False: it was known already, and nothing changed."""
        return await self._writer.commit((insert_inbound(inbound, at),)) > 0

    async def unhandled_events(self) -> list[InboundEvent]:
        """What was heard and not dealt with, in the order in which it came."""
        return await self._executor.read(messages.list_unhandled_events)

    async def messages_in(self, place: Place) -> list[MessageReceived]:
        """What was said in a thread, every version of it, without the messages that are known to be deleted."""
        return await self._executor.read(partial(messages.list_messages_in, place=place))

    async def pending_posts(self) -> list[PendingPost]:
        """Posts not known to have arrived, in the order in which they were written."""
        return await self._executor.read(messages.list_pending_posts)

    async def sent_post(self, key: str) -> PostedMessage | None:
        """The receipt of a post, of its newest content that arrived."""
        return await self._executor.read(partial(messages.get_sent_post, key=key))

    async def clock_offset(self, platform: str) -> float | None:
        """How far a platform's clock is behind ours at least, in seconds, as its last posts tell; None if there were none."""
        return await self._executor.read(partial(messages.get_clock_offset, platform=platform))

    async def open_deadlines(self) -> list[OpenDeadline]:
        """Every open question, the next to be looked at first."""
        return await self._executor.read(questions.list_open_deadlines)

    async def open_question_audiences(self) -> list[OpenQuestionAudience]:
        """Every open question, with those whom it asks."""
        return await self._executor.read(questions.list_open_question_audiences)

    async def find_target(self, place: Place, message: str | None = None) -> Target | None:
        """What a thread, or a message that is replied to, belongs to; the message says more than the thread."""
        return await self._executor.read(partial(questions.get_target, place=place, message=message))

    async def highest_ids(self) -> tuple[int, int]:
        """The highest run and the highest question number; 0 where there is none."""
        return await self._executor.read(questions.get_highest_ids)

    async def external_question_runs(self) -> list[ExternalRun]:
        """The runs of agents outside that are made of their questions alone and have not ended."""
        return await self._executor.read(external.list_external_question_runs)

    async def busy_runs(self) -> list[int]:
        """Runs that have not ended and wait for something but people, oldest first."""
        return await self._executor.read(runs.list_busy_runs)


async def _lock_file(path: Path) -> StoreLock:
    try:
        return await asyncio.to_thread(prepare_and_lock, path)
    except OSError as error:
        raise to_store_error(error, path) from error
