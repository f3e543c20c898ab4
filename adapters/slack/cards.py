"""Cards as Slack shows them: a run, a question. Plain functions from neutral values to the fields of `chat.postMessage`."""

from __future__ import annotations

from typing import Any

from adapters.slack.blocks import Block, moment, section, sections, small
from adapters.slack.controls import controls
from adapters.slack.escape import bare, escaped
from adapters.slack.faces import face
from adapters.slack.mention import mentions
from orchestrator_bridge.chat import CardAgent, CardOption, QuestionCard, RunCard
from orchestrator_bridge.text import one_line, sentence, shorten

TASK, CONTEXT, LINE = 600, 1500, 400
"""Characters of a task, of a question's context, and of anything that is one line."""

Message = dict[str, Any]
"""`text`, which is what a phone's notification says, and `blocks`."""


# Runs ---------------------------------------------------------------------------------------------------------------------

STATES = {
    "finished": ":white_check_mark:",
    "failed": ":warning:",
    "cancelled": ":no_entry_sign:",
    "waiting": ":raising_hand:",
    "working": ":hourglass_flowing_sand:",
}
"""A sign for what a run's status begins with."""


def run_card(card: RunCard) -> Message:
    """A run at a glance: what is to be done, how far it is, and who does what with which model."""
    status = one_line(card.status, LINE)
    blocks = [
        section(f"{state_sign(status)} *Run {card.run}* · {bare(status)}\n{_quote(card.task, TASK)}"),
        section("\n".join(_agent(agent) for agent in card.agents)),
        small(_spent(card)),
    ]
    text = f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"
    return {"text": escaped(text), "blocks": blocks}


def state_sign(status: str) -> str:
    """The sign of a run's status."""
    return next((sign for word, sign in STATES.items() if status.startswith(word)), STATES["working"])


def _agent(agent: CardAgent) -> str:
    """An agent with the sign under which it speaks in the thread."""
    return f"{face(agent.name)} *{bare(agent.name, 40)}* {bare(agent.state, 60)} · {bare(agent.model, 60)}"


def _spent(card: RunCard) -> str:
    origin = ("scripted: no model is called",) if card.scripted else ()
    guide = () if card.ended else ("write in the thread to guide them",)
    return " · ".join((f"team {bare(card.team, 80)}", bare(card.cost, 40), f"{card.tokens:,} tokens", *origin, *guide))


def _quote(text: str, limit: int) -> str:
    """Somebody's words, set off from ours."""
    return "\n".join(f"> {line}" for line in escaped(shorten(text.strip(), limit)).splitlines())


# Questions ----------------------------------------------------------------------------------------------------------------


def question_card(card: QuestionCard) -> Message:
    """A question, open with its controls or closed with how it ended."""
    return _closed(card) if card.closed is not None else _open(card)


def _open(card: QuestionCard) -> Message:
    blocks = [
        section(f"{_whom(card)}{face(card.agent)} *{bare(card.agent, 80)}* asks:\n*{bare(card.text, LINE + 200)}*"),
        *_context(card),
        *options_shown(card),
        *controls(card),
        small(f"{until(card)}\nPress a button, or reply in the thread with a number or in your own words."),
        small(f"Question {card.question}, to {escaped(one_line(card.asked, LINE))} · run {card.run}: {bare(card.task, 120)}"),
    ]
    return {"text": _notice(card), "blocks": blocks}


def _closed(card: QuestionCard) -> Message:
    ended = one_line(card.closed or "", LINE * 2)
    sign = ":white_check_mark:" if ended.startswith("Answered") else ":hourglass:"
    blocks = [
        section(f"{face(card.agent)} *{bare(card.agent, 80)}* asked:\n{bare(card.text, LINE + 200)}"),
        *options_shown(card),
        section(f"{sign} *{bare(ended)}*"),
        small(f"Question {card.question} of run {card.run}. The thread stays open to read; a late reply is still passed on."),
    ]
    return {"text": escaped(f"Question {card.question} has ended. {sentence(shorten(ended, LINE))}"), "blocks": blocks}


def until(card: QuestionCard) -> str:
    """How long it waits, and what happens then."""
    return f":alarm_clock: Waits until {moment(card.expires_at)}. {escaped(one_line(card.silence, LINE))}"


def _whom(card: QuestionCard) -> str:
    named = mentions(card.mentions, card.groups)
    return f"{named} " if named else ""


def _notice(card: QuestionCard) -> str:
    """What a lock screen shows: who asks what, and between what to choose."""
    choice = ", ".join(f"{number} {one_line(one.label, 40)}" for number, one in enumerate(card.options, 1))
    between = f" {sentence(choice)}" if choice else ""
    return escaped(f"{one_line(card.agent, 40)} asks you: {sentence(one_line(card.text, 300))}{between}")


def _context(card: QuestionCard) -> list[Block]:
    return sections(escaped(shorten(card.context.strip(), CONTEXT)))


def options_shown(card: QuestionCard) -> list[Block]:
    """The options under their numbers."""
    return sections("\n".join(_option(number, one) for number, one in enumerate(card.options, 1)))


def _option(number: int, one: CardOption) -> str:
    about = f": {bare(one.description, 200)}" if one.description.strip() else ""
    return f"*{number}* {bare(one.label, 80)}{about}{' _(recommended)_' if one.recommended else ''}"
