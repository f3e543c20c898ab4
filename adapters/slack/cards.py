"""Cards as Slack shows them: a run, a question. Plain functions from neutral values to the fields of `chat.postMessage`."""

from __future__ import annotations

from typing import Any

from adapters.slack.blocks import Block, moment, section, sections, small
from adapters.slack.controls import question_controls
from adapters.slack.escape import escape_line, escape_mrkdwn
from adapters.slack.faces import agent_emoji
from adapters.slack.mention import mentions
from orchestrator_bridge.chat import CardAgent, CardOption, QuestionCard, RunCard
from orchestrator_bridge.text import one_line, sentence, shorten

TASK, CONTEXT, LINE = 600, 1500, 400
"""Characters of a task, of a question's context, and of anything that is one line."""

SlackMessage = dict[str, Any]
"""`text`, which is what a phone's notification says, and `blocks`."""


# Runs ---------------------------------------------------------------------------------------------------------------------

STATUS_EMOJI = {
    "finished": ":white_check_mark:",
    "failed": ":warning:",
    "cancelled": ":no_entry_sign:",
    "waiting": ":raising_hand:",
    "working": ":hourglass_flowing_sand:",
}
"""A sign for what a run's status begins with."""


def render_run_card(card: RunCard) -> SlackMessage:
    """A run at a glance: what is to be done, how far it is, and who does what with which model."""
    status = one_line(card.status, LINE)
    blocks = [
        section(f"{status_emoji(status)} *Run {card.run}* · {escape_line(status)}\n{_quote(card.task, TASK)}"),
        section("\n".join(_agent(agent) for agent in card.agents)),
        small(_spent(card)),
    ]
    text = f"Run {card.run} ({status}): {sentence(one_line(card.task, 150))}"
    return {"text": escape_mrkdwn(text), "blocks": blocks}


def status_emoji(status: str) -> str:
    """The sign of a run's status."""
    return next((sign for word, sign in STATUS_EMOJI.items() if status.startswith(word)), STATUS_EMOJI["working"])


def _agent(agent: CardAgent) -> str:
    """An agent with the sign under which it speaks in the thread."""
    name, state, model = escape_line(agent.name, 40), escape_line(agent.state, 60), escape_line(agent.model, 60)
    return f"{agent_emoji(agent.name)} *{name}* {state} · {model}"


def _spent(card: RunCard) -> str:
    origin = ("scripted: no model is called",) if card.scripted else ()
    guide = () if card.ended else ("write in the thread to guide them",)
    return " · ".join(
        (f"team {escape_line(card.team, 80)}", escape_line(card.cost, 40), f"{card.tokens:,} tokens", *origin, *guide)
    )


def _quote(text: str, limit: int) -> str:
    """Somebody's words, set off from ours."""
    return "\n".join(f"> {line}" for line in escape_mrkdwn(shorten(text.strip(), limit)).splitlines())


# Questions ----------------------------------------------------------------------------------------------------------------


def render_question_card(card: QuestionCard) -> SlackMessage:
    """A question, open with its controls or closed with how it ended."""
    return _closed_card(card) if card.closed is not None else _open_card(card)


def _open_card(card: QuestionCard) -> SlackMessage:
    blocks = [
        section(
            f"{_audience_text(card)}{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asks:\n"
            f"*{escape_line(card.text, LINE + 200)}*"
        ),
        *_context(card),
        *option_blocks(card),
        *question_controls(card),
        small(f"{expiry_text(card)}\nPress a button, or reply in the thread with a number or in your own words."),
        small(
            f"Question {card.question}, to {escape_mrkdwn(one_line(card.asked, LINE))} · "
            f"run {card.run}: {escape_line(card.task, 120)}"
        ),
    ]
    return {"text": _notification_text(card), "blocks": blocks}


def _closed_card(card: QuestionCard) -> SlackMessage:
    ended = one_line(card.closed or "", LINE * 2)
    sign = ":white_check_mark:" if ended.startswith("Answered") else ":hourglass:"
    blocks = [
        section(f"{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asked:\n{escape_line(card.text, LINE + 200)}"),
        *option_blocks(card),
        section(f"{sign} *{escape_line(ended)}*"),
        small(f"Question {card.question} of run {card.run}. The thread stays open to read; a late reply is still passed on."),
    ]
    return {"text": escape_mrkdwn(f"Question {card.question} has ended. {sentence(shorten(ended, LINE))}"), "blocks": blocks}


def expiry_text(card: QuestionCard) -> str:
    """How long it waits, and what happens then."""
    return f":alarm_clock: Waits until {moment(card.expires_at)}. {escape_mrkdwn(one_line(card.silence, LINE))}"


def _audience_text(card: QuestionCard) -> str:
    named = mentions(card.mentions, card.groups)
    return f"{named} " if named else ""


def _notification_text(card: QuestionCard) -> str:
    """What a lock screen shows: who asks what, and between what to choose."""
    choice = ", ".join(f"{number} {one_line(one.label, 40)}" for number, one in enumerate(card.options, 1))
    between = f" {sentence(choice)}" if choice else ""
    return escape_mrkdwn(f"{one_line(card.agent, 40)} asks you: {sentence(one_line(card.text, 300))}{between}")


def _context(card: QuestionCard) -> list[Block]:
    return sections(escape_mrkdwn(shorten(card.context.strip(), CONTEXT)))


def option_blocks(card: QuestionCard) -> list[Block]:
    """The options under their numbers."""
    return sections("\n".join(_option(number, one) for number, one in enumerate(card.options, 1)))


def _option(number: int, one: CardOption) -> str:
    about = f": {escape_line(one.description, 200)}" if one.description.strip() else ""
    return f"*{number}* {escape_line(one.label, 80)}{about}{' _(recommended)_' if one.recommended else ''}"
