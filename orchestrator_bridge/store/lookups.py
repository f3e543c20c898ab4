"""Look-ups in a store's file: for the process that writes it, and for whoever reads beside it, such as the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Self

from orchestrator_bridge.store.beside import ReadOnlyDatabase
from orchestrator_bridge.store.migrate import Migration, bundled_migrations, latest_version
from orchestrator_bridge.store.read import (
    charges,
    counting,
    log,
    outside,
    picks,
    pictures,
    questions,
    results,
    runs,
    sent,
    spending,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from pathlib import Path

    from orchestrator_bridge.chat import Place
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.store.connection import QueryExecutor
    from orchestrator_bridge.store.port import (
        BudgetCharge,
        CostBy,
        CostLine,
        ExternalQuestionSummary,
        ExternalRun,
        LogRow,
        ModelSelection,
        QuestionSummary,
        RateSample,
        RunSummary,
        Spending,
        StoredToken,
        TokenActivity,
        TokenCalibration,
        Viewer,
    )
    from orchestrator_bridge.store.rows import BudgetRaised, QuestionStatus, RunStatus


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
        return await self._executor.read(counting.list_token_calibrations)

    async def picture(self, picture: str) -> bytes | None:
        """A picture that was kept; None if there is none of this name."""
        return await self._executor.read(partial(pictures.get_picture, picture=picture))

    async def model_selections(self) -> list[ModelSelection]:
        """The models that people picked and that hold, of all channels."""
        return await self._executor.read(picks.list_model_selections)

    async def tool_result(self, run: int, use: str) -> str | None:
        """The whole result of a use of a tool, where it was kept."""
        return await self._executor.read(partial(results.get_tool_result, run=run, use=use))

    async def spending(self, by: CostBy, run: int | None = None, zone: tzinfo = UTC) -> list[Spending]:
        """Costs by what calls have in common, of all runs or of one; days are those of `zone`."""
        return await self._executor.read(partial(spending.list_spending, by=by, run=run, zone=zone))

    async def budget_charges(self, since: float) -> list[BudgetCharge]:
        """What counts against shared budgets since a moment; what is settled is summed by channel."""
        return await self._executor.read(partial(charges.list_budget_charges, since=since))

    async def budget_grants(self, since: float) -> list[BudgetRaised]:
        """What people have granted beyond shared budgets since a moment."""
        return await self._executor.read(partial(charges.list_budget_grants, since=since))

    async def rate_samples(self, since: float) -> list[RateSample]:
        """The calls that were sent after a moment, in their order."""
        return await self._executor.read(partial(sent.list_rate_samples, since=since))

    async def tokens(self) -> list[StoredToken]:
        """Every token for agents outside, by name, withdrawn ones too."""
        return await self._executor.read(outside.list_tokens)

    async def token_activity(self, token: str, since: float) -> TokenActivity:
        """What came through a token since a moment, and what of it is open."""
        return await self._executor.read(partial(outside.get_token_activity, token=token, since=since))

    async def external_questions(self, token: str, agent: str, place: Place, since: float) -> list[ExternalQuestionSummary]:
        """What an agent outside has asked in a place since a moment, newest first."""
        return await self._executor.read(
            partial(outside.list_external_questions, token=token, agent=agent, place=place, since=since)
        )

    async def external_runs(self, token: str, since: float) -> list[ExternalRun]:
        """The runs that came through a token since a moment, newest first; not those of an agent's questions alone."""
        return await self._executor.read(partial(outside.list_external_runs, token=token, since=since))

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
