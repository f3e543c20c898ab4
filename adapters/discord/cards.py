"""How the cards of runs and questions look on Discord: words that a phone's notification shows, and a card below them."""

from __future__ import annotations

from datetime import UTC, datetime

import discord

from adapters.discord.controls import close_components, question_components
from adapters.discord.escape import escape_line, escape_markdown, plain_line
from adapters.discord.marks import question_footer, run_footer
from adapters.discord.shown import DiscordMessage, mention_text
from adapters.discord.split import split_markdown
from orchestrator_bridge.chat import CardAgent, CardOption, QuestionCard, RunCard

OPEN, DONE, OVER, SCRIPTED = (discord.Colour(value) for value in (0x5865F2, 0x3BA55D, 0x80848E, 0xF0B232))
"""Waits for people; ended well; ended otherwise; played from a script."""

_STATE_EMOJI = {
    "thinking": "💭",
    "writing": "✍️",
    "wait": "⏳",
    "tries again": "🔁",
    "voted": "🗳️",
    "answered": "✅",
    "retired": "❌",
}
"""What a glance tells of an agent, by how its state begins; the words stand beside it."""

THREAD_NAME = 100
_CONTEXT = 1500
_FIELD = 1024
"""Characters of an embed's field."""


# Runs ---------------------------------------------------------------------------------------------------------------------


def run_thread_name(card: RunCard) -> str:
    """The name of a run's thread."""
    return plain_line(f"Run {card.run}: {card.task}", THREAD_NAME)


def render_run_card(card: RunCard, key: str) -> DiscordMessage:
    """A run at a glance. `key` is the sending's, for the reference in the last line."""
    head = f"**Run {card.run}** · {escape_line(card.status, 200)}"
    lines = [escape_line(card.task, 1000), "", *(_agent(agent) for agent in card.agents)]
    if card.scripted:
        lines += ["", "-# These agents are scripted: no model is asked, and nothing is paid."]
    embed = discord.Embed(description="\n".join(lines)[:4000], colour=_run_colour(card))
    about = f"team {plain_line(card.team, 100)} · {plain_line(card.cost, 60)} · {card.tokens:,} tokens"
    embed.set_footer(text=run_footer(card.run, about, key))
    return DiscordMessage(content=head, embeds=(embed,))


def _agent(agent: CardAgent) -> str:
    sign = next((sign for state, sign in _STATE_EMOJI.items() if agent.state.startswith(state)), "▫️")
    return " · ".join(
        filter(None, (f"{sign} **{escape_line(agent.name, 40)}**", escape_line(agent.state, 80), escape_line(agent.model, 80)))
    )


def _run_colour(card: RunCard) -> discord.Colour:
    if card.ended:
        return DONE if card.status == "finished" else OVER
    return SCRIPTED if card.scripted else OPEN


# Questions ----------------------------------------------------------------------------------------------------------------


def question_thread_name(card: QuestionCard) -> str:
    """The name of a question's thread."""
    return plain_line(f"Question {card.question}: {card.text}", THREAD_NAME)


def render_question_card(card: QuestionCard, key: str, *, typed: bool = True) -> DiscordMessage:
    """A question, open or closed. Without `typed` words in threads cannot be read here, and the card says so."""
    if card.closed is not None:
        return _closed_card(card, key, card.closed)
    called = mention_text(card.mentions, card.groups)
    embed = _body(card)
    embed.colour = OPEN
    _add(embed, "Asks", f"{escape_line(card.asked, 300)} · ends {expiry_text(card.expires_at)}")
    _add(embed, "If nobody answers", escape_line(card.silence, 600))
    if not typed:
        _add(embed, "How to answer", "Use the buttons, or reply to this message and mention me: I cannot read other words here.")
    embed.set_footer(text=_footer(card, key))
    content = f"{called.text} {_headline(card, 'asks')}".strip()
    return DiscordMessage(content=content, embeds=(embed,), controls=question_components(card), allowed_mentions=called.allowed)


def render_private_question(card: QuestionCard) -> DiscordMessage:
    """An open question for one person who looks at what is open: it calls nobody, and can be closed from here."""
    shown = render_question_card(card, f"private {card.question}")
    return DiscordMessage(
        content=_headline(card, "asks"), embeds=shown.embeds, controls=(*shown.controls, *close_components(card.question))
    )


def _closed_card(card: QuestionCard, key: str, how: str) -> DiscordMessage:
    embed = _body(card)
    embed.colour = DONE if how.startswith("Answered") else OVER
    embed.set_footer(text=_footer(card, key))
    return DiscordMessage(content=f"{_headline(card, 'asked')}\n**{escape_line(how, 700)}**", embeds=(embed,))


def _headline(card: QuestionCard, verb: str) -> str:
    return f"**{escape_line(card.agent, 60)}** {verb}: {escape_line(card.text, 600)}"


def _body(card: QuestionCard) -> discord.Embed:
    embed = discord.Embed(description=_first_part(card.context, _CONTEXT) or None)
    if card.options:
        room = _FIELD // len(card.options) - 2
        _add(embed, "Options", "\n".join(_option(place, option, room) for place, option in enumerate(card.options, 1)))
    return embed


def _footer(card: QuestionCard, key: str) -> str:
    return question_footer(card.question, card.run, plain_line(card.task, 120), key)


def _option(place: int, option: CardOption, room: int) -> str:
    star = " *(recommended)*" if option.recommended else ""
    head = f"**{place}** {escape_line(option.label, max(20, min(160, room // 2)))}{star}"
    left = room - len(head) - 3
    about = escape_line(option.description, left // 2) if option.description.strip() and left > 20 else ""
    return f"{head}: {about}" if about else head


def expiry_text(at: float) -> str:
    """When a question expires: a countdown that the reader's client counts by itself, and the time."""
    return f"{countdown(at)} (<t:{int(at)}:t>)"


def countdown(at: float) -> str:
    """A moment as Discord counts down to it."""
    return f"<t:{int(at)}:R>"


def utc_text(at: float) -> str:
    """A moment in words that say their zone, for places that show no timestamps."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _first_part(text: str, limit: int) -> str:
    """As much Markdown as fits, with its code closed."""
    made = split_markdown(escape_markdown(text), limit - 2)
    return made[0] + ("\n…" if len(made) > 1 else "")


def _add(embed: discord.Embed, name: str, value: str) -> None:
    embed.add_field(name=name, value=value[:_FIELD] or "–", inline=False)
