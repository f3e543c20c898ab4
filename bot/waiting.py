"""Which open questions wait for somebody, and how each looks, to be answered on the spot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from orchestrator_bridge.chat import Author, QuestionCard
from orchestrator_bridge.question.quorum import pending_deciders
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.run.show_question import question_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import QuestionSummary

StateOf = Callable[[int], Awaitable[RunState | None]]


async def card_for(one: QuestionSummary, me: Author, state_of: StateOf) -> QuestionCard | None:
    """A question's card if it waits for this person."""
    state = await state_of(one.run)
    question = state.questions.get(one.question) if state else None
    return question_card(state, question) if state and question and is_waiting_for(question, me) else None


async def own_first(
    questions: Sequence[QuestionSummary], me: Author, state_of: StateOf
) -> list[tuple[QuestionSummary, QuestionCard | None]]:
    """Questions with their cards, those that wait for this person before the others, else in their order."""
    found = [(one, await card_for(one, me, state_of)) for one in questions]
    return sorted(found, key=lambda pair: pair[1] is None)


def is_waiting_for(question: Question, me: Author) -> bool:
    """Whether somebody is asked, by name or by a role that she holds, and has not answered yet."""
    if not question.open:
        return False
    people = (question.author(one.id) for one in pending_deciders(question))
    if any((who.platform, who.id) == (me.platform, me.id) for who in people if who):
        return True
    return any(group.id in me.roles for group in question.groups)
