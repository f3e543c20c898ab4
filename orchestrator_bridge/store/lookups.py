"""Look-ups in a store's file: for the process that writes it, and for whoever reads beside it, such as the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Self

from orchestrator_bridge.store.beside import Beside
from orchestrator_bridge.store.migrate import Migration, newest, shipped
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
    from orchestrator_bridge.store.connection import Reading
    from orchestrator_bridge.store.port import (
        Charge,
        CostBy,
        CostLine,
        Counting,
        GuestQuestion,
        LogRow,
        Pick,
        QuestionSummary,
        RunSummary,
        Sent,
        Spending,
        Started,
        Token,
        TokenUse,
        Viewer,
    )
    from orchestrator_bridge.store.rows import BudgetRaised, QuestionStatus, RunStatus


class SqliteReads:
    """The look-ups over SQLite, wherever they are read from. All of them raise `StoreError` if the file cannot be read."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def log(self, run: int, after: int = 0) -> list[Event]:
        """The events of a run behind a position, in order; empty if there is no such run."""
        return await self._reading.read(partial(log.events, run=run, after=after))

    async def log_rows(self, run: int) -> list[LogRow]:
        """Every row of a run's log in order, also those that cannot be read."""
        return await self._reading.read(partial(log.rows, run=run))

    async def runs(self, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None) -> list[RunSummary]:
        """Runs, newest first; those that a viewer may see, where there is one."""
        return await self._reading.read(partial(runs.summaries, limit=limit, status=status, viewer=viewer))

    async def questions(
        self, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
    ) -> list[QuestionSummary]:
        """Questions, newest first; those that a viewer may see, where there is one."""
        return await self._reading.read(partial(questions.summaries, limit=limit, status=status, viewer=viewer))

    async def question(self, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
        """One question; None also where there is a viewer who may not see it."""
        return await self._reading.read(partial(questions.one, question=question, viewer=viewer))

    async def costs(self, run: int | None = None) -> list[CostLine]:
        """Costs per run, agent and model, newest run first."""
        return await self._reading.read(partial(runs.costs, run=run))

    async def counting(self) -> list[Counting]:
        """How far our counts of prompts are from what providers report, by model."""
        return await self._reading.read(counting.counting)

    async def picture(self, picture: str) -> bytes | None:
        """A picture that was kept; None if there is none of this name."""
        return await self._reading.read(partial(pictures.body, picture=picture))

    async def picks(self) -> list[Pick]:
        """The models that people picked and that hold, of all channels."""
        return await self._reading.read(picks.every)

    async def result(self, run: int, use: str) -> str | None:
        """The whole result of a use of a tool, where it was kept."""
        return await self._reading.read(partial(results.text, run=run, use=use))

    async def spending(self, by: CostBy, run: int | None = None, zone: tzinfo = UTC) -> list[Spending]:
        """Costs by what calls have in common, of all runs or of one; days are those of `zone`."""
        return await self._reading.read(partial(spending.spending, by=by, run=run, zone=zone))

    async def charges(self, since: float) -> list[Charge]:
        """What counts against shared budgets since a moment; what is settled is summed by channel."""
        return await self._reading.read(partial(charges.charges, since=since))

    async def raises(self, since: float) -> list[BudgetRaised]:
        """What people have granted beyond shared budgets since a moment."""
        return await self._reading.read(partial(charges.raises, since=since))

    async def sent_since(self, since: float) -> list[Sent]:
        """The calls that were sent after a moment, in their order."""
        return await self._reading.read(partial(sent.sent, since=since))

    async def tokens(self) -> list[Token]:
        """Every token for agents outside, by name, withdrawn ones too."""
        return await self._reading.read(outside.tokens)

    async def token_use(self, token: str, since: float) -> TokenUse:
        """What came through a token since a moment, and what of it is open."""
        return await self._reading.read(partial(outside.use, token=token, since=since))

    async def guest_questions(self, token: str, agent: str, place: Place, since: float) -> list[GuestQuestion]:
        """What an agent outside has asked in a place since a moment, newest first."""
        return await self._reading.read(partial(outside.guest_questions, token=token, agent=agent, place=place, since=since))

    async def started(self, token: str, since: float) -> list[Started]:
        """The runs that came through a token since a moment, newest first; not those of an agent's questions alone."""
        return await self._reading.read(partial(outside.started, token=token, since=since))

    async def close(self) -> None:
        """Close the file; harmless when done twice."""
        await self._reading.close()


class SqliteLookups(SqliteReads):
    """`Lookups` beside a bot that runs or has ended: nothing is made, changed or locked. Open it with `open`."""

    @classmethod
    async def open(cls, path: Path, *, migrations: Sequence[Migration] | None = None) -> Self:
        """Open a file that is there.

        Raises:
            Missing: there is no file.
            Damaged: it is no database of ours.
            TooOld: an older release wrote it, and the bot was not started with this one yet.
            TooNew: a newer release wrote it.
            StoreError: it cannot be read.
        """
        known = newest(shipped() if migrations is None else migrations)
        beside = Beside(await asyncio.to_thread(path.resolve), known)
        await beside.read(questions.last_numbers)
        return cls(beside)
