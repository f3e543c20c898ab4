"""`/questions`: lists open questions with their deadlines; with a number, shows one question or passes on a reply to it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.chat.inbound import Author, CommandReceived
from orchestrator_bridge.chat.outbound import Confirmation, Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import listed as listed_words
from orchestrator_bridge.common.text import sentence, shorten
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.parsing.reply import ParsedReply, parse_reply
from orchestrator_bridge.question.parsing.task import judge_task
from orchestrator_bridge.question.quorum import pending_deciders
from orchestrator_bridge.run.presentation.questions import question_card
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Corrupted, Lookups, QuestionSummary, Viewer
from orchestrator_bridge.team.authority import Act, Verdict, refusal_text

MAX_LISTED = 15
"""Listed questions: those that wait for the reader first, then the newest."""

MAX_FOUND = 200
"""Open questions among which those that wait for the reader are looked for."""
_NUMBERED = re.compile(r"#?(\d{1,15})(?:\s+(.*))?", re.DOTALL)

StateOf = Callable[[int], Awaitable[RunState | None]]
"""State of a run by its number, or None."""


async def card_for(summary: QuestionSummary, author: Author, state_of: StateOf) -> QuestionCard | None:
    """The question's card if the question waits for this person, else None."""
    state = await state_of(summary.run)
    question = state.questions.get(summary.question) if state else None
    return question_card(state, question) if state and question and is_waiting_for(question, author) else None


async def own_first(
    questions: Sequence[QuestionSummary], author: Author, state_of: StateOf
) -> list[tuple[QuestionSummary, QuestionCard | None]]:
    """Questions with their cards: first those that wait for this person, then the others, both in the given order."""
    found = [(summary, await card_for(summary, author, state_of)) for summary in questions]
    return sorted(found, key=lambda pair: pair[1] is None)


def _title(listed: int, found: int) -> str:
    more = "+" if found == MAX_FOUND else ""
    return "Open questions, newest first" + (f" ({listed} of {found}{more})" if found > listed else "")


def is_waiting_for(question: Question, author: Author) -> bool:
    """True if the question is open, asks the person by name or through a role, and has no answer from them."""
    if not question.open:
        return False
    people = (question.author(responder.id) for responder in pending_deciders(question))
    if any((person.platform, person.id) == (author.platform, author.id) for person in people if person):
        return True
    return any(group.id in author.roles for group in question.groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenQuestion:
    """A question's row, and its card; no card if it has ended, or the log of its run is unreadable."""

    summary: QuestionSummary
    card: QuestionCard | None


async def load_cards(store: Lookups, questions: list[QuestionSummary]) -> list[OpenQuestion]:
    """Add the cards of the open questions.

    Raises:
        StoreError: the store cannot be read.
    """
    runs = {summary.run for summary in questions if summary.status == "open"}
    states = {run: await _load_state(store, run) for run in runs}
    loaded = []
    for summary in questions:
        state = states.get(summary.run)
        question = state.questions.get(summary.question) if state else None
        card = question_card(state, question) if state and question and question.open else None
        loaded.append(OpenQuestion(summary=summary, card=card))
    return loaded


async def _load_state(store: Lookups, run: int) -> RunState | None:
    """None if the log is unreadable: the bot reports that when it loads the run."""
    try:
        return fold(await store.log(run))
    except (ValueError, Corrupted):
        return None


class QuestionCommandHandler:
    """Lists open questions, and delivers a person's reply to the run of its question."""

    def __init__(self, store: Lookups) -> None:
        self._store = store

    async def handle(self, command: CommandReceived, engine: Engine) -> PrivateReply | None:
        """Execute the command; None if the transaction of the question's run replies."""
        text = _command_line(command)
        numbered = _NUMBERED.fullmatch(text)
        if not text:
            return await self._list_open(command, engine)
        if numbered is None:
            return PrivateReply(
                text=f"Expected the number of a question, found {shorten(text, 80)!r}. `/questions` lists the open ones.",
                tone="warning",
            )
        number, words = int(numbered[1]), (numbered[2] or "").strip()
        if not words:
            return await self._show(command, number, engine)
        verdict = await engine.submit_question_command(number, command, words)
        return _refusal(number, verdict)

    async def in_direct_messages(self, command: CommandReceived, engine: Engine) -> list[Question]:
        """The open questions that wait for the author of a command and stand in the direct messages in which it was given."""
        here = command.place
        if not here.channel.startswith("@") or here.thread is not None:
            return []
        found = []
        for summary in await self._store.questions(MAX_FOUND, "open", await _viewer(command, engine)):
            state = await engine.run(summary.run)
            question = state.questions.get(summary.question) if state else None
            if question is None or not is_waiting_for(question, command.author):
                continue
            if any(copy.place.channel == here.channel for copy in (question.delivery, *question.copied) if copy is not None):
                found.append(question)
        return found

    async def answer_in_direct_messages(
        self, command: CommandReceived, questions: Sequence[Question], engine: Engine
    ) -> PrivateReply | None:
        """Take words beside the threads of questions as the answer to the only one. Where they may be something else, or
        several questions are open, their author is asked."""
        if len(questions) > 1:
            listed = await self._list_open(command, engine)
            numbers = [*map(str, sorted(question.id for question in questions))]
            hint = (
                f"Questions {listed_words(numbers)} wait for you here. Reply in the thread of the one that you answer, or type "
            )
            return replace(listed, text=f"{hint}`/questions {numbers[0]} your words`.", tone="warning")
        question, words = questions[0], command.text.strip()
        reading = parse_reply(question.ask, words)
        decides = isinstance(reading, ParsedReply) and (reading.choice is not None or reading.number is not None)
        if not decides and judge_task(words, addressed=True) != "doubtful":
            confirm = Confirmation(label=f"Answer question {question.id}", name="questions", text=f"{question.id} {words}")
            about = shorten(question.ask.question, 200)
            text = f"Is this your answer to question {question.id}, “{about}”? It does not count yet."
            return PrivateReply(text=text, confirm=confirm)
        return _refusal(question.id, await engine.submit_question_command(question.id, command, words))

    async def _list_open(self, command: CommandReceived, engine: Engine) -> PrivateReply:
        """Open questions of this channel, and those elsewhere that ask the author; those that wait for the author first."""
        viewer = await _viewer(command, engine)
        found = await self._store.questions(MAX_FOUND, "open", viewer)
        listed = (await own_first(found, command.author, engine.run))[:MAX_LISTED]
        if not listed:
            return PrivateReply(text="No question is open here, and no question elsewhere waits for you.")
        rows = tuple(_row(summary, command.at, viewer) for summary, _ in listed)
        columns = ("question", "run", "from", "text", "for", "expires", "then")
        hint = "To answer: `/questions NUMBER your words`. Also `pass`, `more 1h`, `cancel`."
        cards = tuple(card for _, card in listed)
        return PrivateReply(
            text=hint, tables=(Table(title=_title(len(listed), len(found)), columns=columns, rows=rows, cards=cards),)
        )

    async def _show(self, command: CommandReceived, number: int, engine: Engine) -> PrivateReply | None:
        access = await engine.authority.on_question(number, Actor(person=command.author, here=command.place))
        summary = await self._store.question(number) if access.verdict is Verdict.ALLOWED else None
        if summary is None:
            return _refusal(number, access.verdict)
        head = f"Question {summary.question} of run {summary.run}, from {summary.agent}, for {summary.asked}: {summary.text}"
        if summary.status != "open":
            return PrivateReply(text=f"{head}\n{summary.line}")
        expires = _expires(summary, command.at)
        card = await card_for(summary, command.author, engine.run)
        if card is None:
            return PrivateReply(text=f"{head}\nExpires {expires}. {sentence(summary.silence)}")
        table = Table(columns=("expires", "then"), rows=((expires, summary.silence),), cards=(card,))
        return PrivateReply(text=head, tables=(table,))


async def _viewer(command: CommandReceived, engine: Engine) -> Viewer:
    return await engine.authority.viewer(Act.SEE_QUESTION, Actor(person=command.author, here=command.place))


def _command_line(command: CommandReceived) -> str:
    """The command as one line: first the fields of a form (number, action, duration, person, answer), then its text.

    A person whom the form gives as a platform id becomes a mention.
    """
    options = dict(command.options)
    if options.get("to") and not options["to"].startswith("@"):
        options["to"] = f"<@{options['to']}>"
    parts = (options.get(key, "") for key in ("question", "do", "time", "to", "answer"))
    return " ".join(part for part in (*parts, command.text) if part).strip()


def _row(summary: QuestionSummary, now: float, viewer: Viewer) -> tuple[str | Link, ...]:
    number: str | Link = str(summary.question)
    if summary.place is not None and summary.message is not None:
        number = Link(text=str(summary.question), place=summary.place, message=summary.message)
    expires = _expires(summary, now)
    asked = summary.asked
    if asked != "you" and not set(viewer.asked_as).isdisjoint(summary.people):
        asked = f"you ({asked})"
    return number, str(summary.run), summary.agent, shorten(summary.text, 80), asked, expires, summary.silence


def _expires(summary: QuestionSummary, now: float) -> str:
    at = summary.expires_at if summary.expires_at is not None else summary.fires_at
    return f"in {format_duration(at - now)}" if at > now else "now"


def _refusal(number: int, verdict: Verdict) -> PrivateReply | None:
    text = refusal_text(Act.SEE_QUESTION, verdict, f"question {number}")
    return PrivateReply(text=text, tone="warning") if text else None
