"""`/questions`: what is open, for whom, until when and what happens then; with a number, what a person does to that question."""

from __future__ import annotations

import re

from bot.viewer import viewer_of
from bot.waiting import card_for, own_first
from orchestrator_bridge.chat import CommandReceived, Link, PrivateReply, Table
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.people import Directory
from orchestrator_bridge.store.port import Lookups, QuestionSummary, Viewer
from orchestrator_bridge.text import sentence, shorten

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
    return f"in {say_duration(at - now)}" if at > now else "now"


def _no_question(number: int) -> PrivateReply:
    return PrivateReply(text=f"There is no question {number}.", tone="warning")
