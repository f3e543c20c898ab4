"""Follow-ups: which messages in the thread of a run that has ended go on with it, and what the next run learns of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_bridge.chat.inbound import MessageReceived
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.question.messages import closing_line
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.conversation import Continuation, ConversationTurn, Remark, SettledQuestion, with_turn
from orchestrator_bridge.run.state import RunState

NAME_LIMIT = 80


def is_meant(run: RunState, message: MessageReceived) -> bool:
    """True if a message in the thread of a run that has ended is meant for the bot, by the team's `follow_up`.

    An edit never is: it would start a paid run at the word of a message that is there already.
    """
    if message.edit or run.team.follow_up == "off":
        return False
    return run.team.follow_up == "any" or message.addressed


def continuation(run: RunState, thread: str | None, said: Sequence[MessageReceived]) -> Continuation:
    """The conversation that a new run continues: `run` and what came before it. `said`: messages in its thread after its end."""
    earlier = run.continues
    turns = earlier.turns if earlier else ()
    return Continuation(
        run=run.run, first=earlier.first if earlier else run.run, thread=thread, turns=with_turn(turns, _turn_of(run, said))
    )


def _turn_of(run: RunState, said: Sequence[MessageReceived]) -> ConversationTurn:
    assert run.end is not None, "only a run that has ended is continued"
    guidance = (message for message in run.messages if message.kind == "guidance")
    return ConversationTurn(
        run=run.run,
        task=run.task,
        by=one_line(run.by.name, NAME_LIMIT),
        status=run.end.status,
        answer=run.end.text,
        decisions=tuple(_decision(question) for question in run.questions.values() if _is_decided(question)),
        guidance=tuple(Remark(author=message.author, text=message.text) for message in guidance),
        said=tuple(_newest_versions(said)),
        files=tuple(file.name for file in run.files),
        cost=run.spent.cost + run.spent.unknown,
        priced=run.spent.priced,
    )


def _is_decided(question: Question) -> bool:
    """True for what somebody or a fallback decided: no approval, which holds in its own run only, and nothing cancelled."""
    outcome = question.outcome
    return outcome is not None and outcome.status != "cancelled" and question.ask.kind != "approval"


def _decision(question: Question) -> SettledQuestion:
    words = question.outcome.decision if question.outcome else ""
    line = closing_line(question)
    return SettledQuestion(
        question=question.id,
        text=question.ask.question,
        outcome=line,
        words="" if " ".join(words.split()) in line else words,
    )


def _newest_versions(messages: Iterable[MessageReceived]) -> Iterable[Remark]:
    """The messages in the order in which they were written, each as it was edited last."""
    newest: dict[str, MessageReceived] = {}
    for message in sorted(messages, key=lambda message: (message.at, message.edit)):
        newest[message.message] = message
    for message in newest.values():
        if message.text.strip():
            yield Remark(author=one_line(message.author.name, NAME_LIMIT), text=message.text.strip(), at=message.at)
