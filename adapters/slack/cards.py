"""Cards as Slack shows them: a run, a question. Plain functions from neutral values to the fields of `chat.postMessage`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.slack.blocks import Block, moment, section, sections, small
from adapters.slack.controls import controls
from adapters.slack.escape import bare, escaped
from adapters.slack.mention import mentions
from orchestrator_bridge.chat import CardAgent, CardOption, QuestionCard, RunCard
from orchestrator_bridge.text import one_line, sentence, shorten

TASK, CONTEXT, LINE = 600, 1500, 400
"""Characters of a task, of a question's context, and of anything that is one line."""

Message = dict[str, Any]
"""`text`, which is what a phone's notification says, and `blocks`."""


# Runs ---------------------------------------------------------------------------------------------------------------------


def run_card(card: RunCard) -> Message:
    """A run at a glance."""
    status = one_line(card.status, LINE)
    head = f"*Run {card.run}* · team {bare(card.team, 80)} · *{bare(status)}*"
    spent = f"{bare(card.cost, 40)} · {card.tokens:,} tokens"
    origin = " · scripted: no model is called" if card.scripted else ""
    blocks = [
        section(f"{head}\n{_quote(card.task, TASK)}"),
        section("\n".join(_agent(agent) for agent in card.agents)),
        small(f"{spent}{origin}" + ("" if card.ended else " · write in the thread to guide them")),
    ]
    text = f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"
    return {"text": escaped(text), "blocks": blocks}


def _agent(agent: CardAgent) -> str:
    return f"*{bare(agent.name, 40)}*  {bare(agent.model, 60)}  _{bare(agent.state, 60)}_"


def _quote(text: str, limit: int) -> str:
    """Somebody's words, set off from ours."""
    return "\n".join(f"> {line}" for line in escaped(shorten(text.strip(), limit)).splitlines())


# Questions ----------------------------------------------------------------------------------------------------------------


def question_card(card: QuestionCard) -> Message:
    """A question, open with its controls or closed with how it ended."""
    return _closed(card) if card.closed is not None else _open(card)


def _open(card: QuestionCard) -> Message:
    until = f"Waits until {moment(card.expires_at)}. {escaped(one_line(card.silence, LINE))}"
    blocks = [
        section(f"{_whom(card)}*{bare(card.agent, 80)}* asks: *{bare(card.text, LINE + 200)}*"),
        *_body(card),
        small(f"Asked: {escaped(one_line(card.asked, LINE))} · run {card.run}: {bare(card.task, 120)}"),
        small(f"{until}\nPress a button, or reply in the thread with a number or in your own words."),
        *controls(card),
    ]
    return {"text": _notice(card), "blocks": blocks}


def _closed(card: QuestionCard) -> Message:
    ended = one_line(card.closed or "", LINE * 2)
    blocks = [
        section(f"*{bare(card.agent, 80)}* asked: {bare(card.text, LINE + 200)}"),
        *_options(card),
        section(f"*{bare(ended)}*"),
        small(f"Question {card.question} of run {card.run}. The thread stays open to read; a late reply is still passed on."),
    ]
    return {"text": escaped(f"Question {card.question} has ended. {sentence(shorten(ended, LINE))}"), "blocks": blocks}


def _whom(card: QuestionCard) -> str:
    named = mentions(card.mentions, card.groups)
    return f"{named} " if named else ""


def _notice(card: QuestionCard) -> str:
    """What a lock screen shows: who asks what, and between what to choose."""
    choice = ", ".join(f"{number} {one_line(one.label, 40)}" for number, one in enumerate(card.options, 1))
    between = f" {sentence(choice)}" if choice else ""
    return escaped(f"{one_line(card.agent, 40)} asks you: {sentence(one_line(card.text, 300))}{between}")


def _body(card: QuestionCard) -> Iterator[Block]:
    if card.context.strip():
        yield from sections(escaped(shorten(card.context.strip(), CONTEXT)))
    yield from _options(card)


def _options(card: QuestionCard) -> Iterator[Block]:
    if card.options:
        yield from sections("\n".join(_option(number, one) for number, one in enumerate(card.options, 1)))


def _option(number: int, one: CardOption) -> str:
    about = f": {bare(one.description, 200)}" if one.description.strip() else ""
    return f"*{number}* {bare(one.label, 80)}{about}{' _(recommended)_' if one.recommended else ''}"
