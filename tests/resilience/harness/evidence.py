"""Evidence by which a kill test is judged: the store's logs and tables, what the model was asked, what the platform saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.storage import StoreLocation, open_store
from orchestrator_bridge.chat.inbound import InboundEvent
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import PendingPost, QuestionSummary, RunSummary, Spending
from orchestrator_bridge.store.sqlite.readonly import full_check
from tests.support.fake_models.replies import ModelCall

MANY = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BotPost:
    """One message of a bot as it ended up. `key` is its outbox key; `closings` are the ends that a question's card has named."""

    message: str
    key: str
    at: float
    closings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonsMessage:
    """A person's message in the thread of a question, or of a run (`question` is 0). What was deleted is not among these.

    `word` is in its newest text; `at` is when it was written and `newest_at` when it was edited last, by the platform's clock;
    `signs` are those of the receipts that it got; `asked`: by somebody who was asked; `delivered`: the platform brought its
    newest text, so that nobody had to read the thread for it.
    """

    message: str
    question: int
    word: str
    at: float
    newest_at: float
    asked: bool
    delivered: bool
    signs: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All of it, once the bot has ended. `tasks` are the words by which commands and runs are matched."""

    logs: Mapping[int, Sequence[Event]]
    runs: Sequence[RunSummary]
    questions: Sequence[QuestionSummary]
    spending: Sequence[Spending]
    pending: Sequence[PendingPost]
    unhandled: Sequence[InboundEvent]
    requests: Sequence[ModelCall]
    posts: Sequence[BotPost]
    messages: Sequence[PersonsMessage]
    tasks: Sequence[str]

    @property
    def states(self) -> Mapping[int, RunState]:
        """Every run as its log folds."""
        return {run: fold(log) for run, log in self.logs.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformEvidence:
    """The platform's part of the evidence."""

    posts: Sequence[BotPost]
    messages: Sequence[PersonsMessage]
    tasks: Sequence[str]


async def gather(location: StoreLocation, requests: Sequence[ModelCall], platform: PlatformEvidence) -> Evidence:
    """Read a store that no bot has open any more; a damaged one raises `StoreError`."""
    if isinstance(location, Path):
        full_check(location)
    store = await open_store(location)
    try:
        runs = await store.runs(limit=MANY)
        return Evidence(
            logs={run.run: await store.log(run.run) for run in runs},
            runs=runs,
            questions=await store.questions(limit=MANY),
            spending=await store.spending("run"),
            pending=await store.pending_posts(),
            unhandled=await store.unhandled_events(),
            requests=requests,
            posts=platform.posts,
            messages=platform.messages,
            tasks=platform.tasks,
        )
    finally:
        await store.close()
