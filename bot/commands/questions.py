"""`/questions`: what is open, for whom, until when and what happens then; with a number, what a person does to that question."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from orchestrator_bridge.chat.inbound import Author, CommandReceived
from orchestrator_bridge.chat.outbound import Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import sentence, shorten
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.quorum import pending_deciders
from orchestrator_bridge.run.presentation.questions import question_card
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Corrupted, Lookups, QuestionSummary, Viewer
from orchestrator_bridge.team.directory import Directory

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


def viewer_of(command: CommandReceived, directory: Directory) -> Viewer:
    """Whoever gave a command, from where it was given."""
    return Viewer(place=command.place, person=_author_id(command.author), asked_as=asked_as(command.author, directory))


def asked_as(author: Author, directory: Directory) -> tuple[str, ...]:
    """The ids by which questions ask somebody: the person's own, and those of the platform roles that she holds."""
    return (directory.responder(author).id, *(f"{author.platform}:{role}" for role in author.roles))


def _author_id(author: Author) -> str:
    return f"{author.platform}:{author.id}"


MAX_LISTED = 15
"""Questions that are listed, newest first."""

_NUMBERED = re.compile(r"#?(\d{1,15})(?:\s+(.*))?", re.DOTALL)


class QuestionCommandHandler:
    """Lists the open questions, and brings what people say about one to its run."""

    def __init__(self, store: Lookups, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    async def handle(self, command: CommandReceived, engine: Engine) -> PrivateReply | None:
        """Do what the command says; None where the word comes with the question's own transaction."""
        text = _command_line(command)
        numbered = _NUMBERED.fullmatch(text)
        if not text:
            return await self._list_open(command, engine)
        if numbered is None:
            return PrivateReply(
                text=f"{shorten(text, 80)!r} begins with no question's number. /questions lists them.", tone="warning"
            )
        number, words = int(numbered[1]), (numbered[2] or "").strip()
        if not words:
            return await self._on_question(command, number, engine)
        if await engine.submit_question_command(number, command, words):
            return None
        return _no_question(number)

    async def _list_open(self, command: CommandReceived, engine: Engine) -> PrivateReply:
        """What is open here, and elsewhere for whoever looks; those questions first that wait for her."""
        viewer = viewer_of(command, self._directory)
        waiting = await own_first(await self._store.questions(MAX_LISTED, "open", viewer), command.author, engine.run)
        if not waiting:
            return PrivateReply(text="No question is open here, and none elsewhere asks you.")
        rows = tuple(_row(one, command.at, viewer) for one, _ in waiting)
        columns = ("question", "run", "by", "what", "asks", "until", "then")
        hint = "Answer here with `/questions NUMBER your words`; also `pass`, `more 1h`, `cancel`."
        cards = tuple(card for _, card in waiting)
        return PrivateReply(
            text=hint, tables=(Table(title="Open questions, newest first", columns=columns, rows=rows, cards=cards),)
        )

    async def _on_question(self, command: CommandReceived, number: int, engine: Engine) -> PrivateReply:
        one = await self._store.question(number, viewer_of(command, self._directory))
        if one is None:
            return _no_question(number)
        head = f"Question {one.question} of run {one.run}, by {one.agent}, for {one.asked}: {one.text}"
        if one.status != "open":
            return PrivateReply(text=f"{head}\n{one.line}")
        until = _until(one, command.at)
        card = await card_for(one, command.author, engine.run)
        if card is None:
            return PrivateReply(text=f"{head}\nOpen until {until}. {sentence(one.silence)}")
        table = Table(columns=("open until", "then"), rows=((until, one.silence),), cards=(card,))
        return PrivateReply(text=head, tables=(table,))


def _command_line(command: CommandReceived) -> str:
    """The command's line; the parts that a form gave come first: the number, what to do, how long, to whom, the answer.

    Whom a form's picker gives by the platform's id is written as a mention.
    """
    given = dict(command.options)
    if given.get("to") and not given["to"].startswith("@"):
        given["to"] = f"<@{given['to']}>"
    parts = (given.get(key, "") for key in ("question", "do", "time", "to", "answer"))
    return " ".join(part for part in (*parts, command.text) if part).strip()


def _row(one: QuestionSummary, now: float, viewer: Viewer) -> tuple[str | Link, ...]:
    number: str | Link = str(one.question)
    if one.place is not None and one.message is not None:
        number = Link(text=str(one.question), place=one.place, message=one.message)
    asks = f"you: {one.asked}" if not set(viewer.asked_as).isdisjoint(one.people) else one.asked
    return number, str(one.run), one.agent, shorten(one.text, 80), asks, _until(one, now), one.silence


def _until(one: QuestionSummary, now: float) -> str:
    at = one.expires_at if one.expires_at is not None else one.fires_at
    return f"in {format_duration(at - now)}" if at > now else "now"


def _no_question(number: int) -> PrivateReply:
    return PrivateReply(text=f"There is no question {number}.", tone="warning")
