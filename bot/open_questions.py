"""Open questions with all that it takes to answer them: the table knows when to look at them next, the log what they ask."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.chat import QuestionCard
from orchestrator_bridge.run.apply import fold
from orchestrator_bridge.run.show_question import question_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import Corrupted, Lookups, QuestionSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenQuestion:
    """A question at a glance, and as people see it; without a card if its run's log does not tell."""

    summary: QuestionSummary
    card: QuestionCard | None


async def load_cards(store: Lookups, questions: list[QuestionSummary]) -> list[OpenQuestion]:
    """The same questions; those that have ended get no card.

    Raises:
        StoreError: the store cannot be read.
    """
    runs = {one.run for one in questions if one.status == "open"}
    states = {run: await _load_state(store, run) for run in runs}
    return [OpenQuestion(summary=one, card=_card(states.get(one.run), one)) for one in questions]


async def _load_state(store: Lookups, run: int) -> RunState | None:
    """None where the log is not as a log has to be: the bot says so when it comes to that run."""
    try:
        return fold(await store.log(run))
    except (ValueError, Corrupted):
        return None


def _card(state: RunState | None, one: QuestionSummary) -> QuestionCard | None:
    question = state.questions.get(one.question) if state else None
    return question_card(state, question) if state and question and question.open else None
