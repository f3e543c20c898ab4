"""Posts as Discord messages: text that a phone's notification shows, an embed below it, and controls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import discord

from adapters.discord.components import again_components, close_components, question_components, question_select, run_components
from adapters.discord.markdown import MAX_CHARACTERS, discord_length, escape_line, escape_markdown, plain_line, split_markdown
from adapters.discord.markers import question_footer, run_footer, turn_footer
from orchestrator_bridge.chat.inbound import Author, Group, Place
from orchestrator_bridge.chat.outbound import (
    CardOption,
    FinalAnswer,
    Link,
    Note,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)
from orchestrator_bridge.common.markdown_tables import draw_tables

NO_MENTIONS = discord.AllowedMentions.none()
"""The default permission of every message: it notifies nobody."""

MAX_EMBED = 4000
"""Characters of an embed's description that we use. Discord allows 4,096, and 6,000 in all embeds of a message."""

MAX_MENTIONS = 50
"""Mentions in one message; more do not fit beside its text."""

OPEN, DONE, OVER, SCRIPTED = (discord.Colour(value) for value in (0x5865F2, 0x3BA55D, 0x80848E, 0xF0B232))
"""Colours of an open card, a success, any other end, and a scripted run."""

_STATE_EMOJI = {
    "thinking": "💭",
    "writing": "✍️",
    "wait": "⏳",
    "tries again": "🔁",
    "voted": "🗳️",
    "answered": "✅",
    "retired": "❌",
}
"""Emoji of an agent, by the beginning of its state; the state in words follows it."""

THREAD_NAME = 100
_ESCAPE = re.compile(r"\\(?=[^a-zA-Z0-9\s])")
"""Backslashes by which `escape_line` keeps Markdown from being rendered."""

_CONTEXT = 1500

_FIELD = 1024
"""Characters of an embed field."""

MAX_ANSWER_MESSAGES = 8
"""Messages of a final answer; a longer one is posted as its beginning and a file."""

SHOWN_BESIDE_FILE = 3
"""Messages of the beginning of an answer that is in a file."""

FindMessageUrl = Callable[[Place, str], str | None]
"""The web address of a message; None if it is not known."""

_TONES = {"plain": "", "good": "✅ ", "warning": "⚠️ "}
_COLOURS = {"plain": OPEN, "good": DONE, "warning": SCRIPTED}


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordMessage:
    """Text, embeds and controls of one message.

    `allowed_mentions` are those whom mentions in `content` notify; `text_file` is a file name and its text.
    """

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    controls: tuple[discord.ui.Item[Any], ...] = ()
    allowed_mentions: discord.AllowedMentions = NO_MENTIONS
    text_file: tuple[str, str] | None = None

    @property
    def fingerprint(self) -> str:
        """Equal for messages that look the same."""
        controls = [control.to_component_dict() for control in self.controls]
        return repr((self.content, [embed.to_dict() for embed in self.embeds], controls))

    @property
    def plain(self) -> DiscordMessage:
        """The same words in a form that Discord has to accept: no fields, no controls, no file. Its footer still marks a card."""
        embeds = tuple(_plain_embed(embed) for embed in self.embeds)
        lost = "\n-# Discord did not accept the whole message. Reply in words." if self.controls else ""
        lost += (
            "\n-# Discord did not accept the attached file; ask the operator of this bot for its text." if self.text_file else ""
        )
        return replace(self, content=self.content[: 2000 - len(lost)] + lost, embeds=embeds, controls=(), text_file=None)

    def view(self) -> discord.ui.View:
        """The controls as a discord.py view.

        It is stopped, since clicks are recognised by their custom ids; otherwise discord.py would keep each view in memory for
        ever.
        """
        view = discord.ui.View(timeout=None)
        for control in self.controls:
            view.add_item(control)
        view.stop()
        return view


def _plain_embed(embed: discord.Embed) -> discord.Embed:
    plain = discord.Embed(description="\n".join(f"{field.name}: {field.value}" for field in embed.fields)[:MAX_EMBED] or None)
    return plain.set_footer(text=embed.footer.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class MentionText:
    """Mentions of people and roles: the text, and the permission for exactly these."""

    text: str = ""
    allowed: discord.AllowedMentions = field(default_factory=discord.AllowedMentions.none)


def mention_text(people: Sequence[Author], groups: Sequence[Group]) -> MentionText:
    """Mentions of these people and roles. An id that is not Discord's is left out."""
    users = [author.id for author in people if author.id.isdecimal()]
    roles = [group.id for group in groups if group.id.isdecimal()]
    words = [*(f"<@{user}>" for user in users), *(f"<@&{role}>" for role in roles)]
    allowed = discord.AllowedMentions(everyone=False, users=_snowflakes(users), roles=_snowflakes(roles), replied_user=False)
    return MentionText(text=" ".join(words[:MAX_MENTIONS]), allowed=allowed)


def _snowflakes(ids: Iterable[str]) -> list[discord.Object]:
    return [discord.Object(int(id_)) for id_ in list(ids)[:MAX_MENTIONS]]


def run_thread_name(card: RunCard) -> str:
    """The name of a run's thread."""
    return plain_line(f"Run {card.run}: {card.task}", THREAD_NAME)


def render_run_card(card: RunCard, key: str) -> DiscordMessage:
    """A run card. `key` is the outbox key, from which the reference code in the footer is derived.

    That of a next turn is short: the thread above it has the team and its models.
    """
    head = f"**Run {card.run}** · {escape_line(card.status, 200)}"
    if card.continues is not None:
        return _turn_card(card, key, f"{head} · continues run {card.continues}")
    lines = [escape_line(card.task, 1000), ""]
    for agent in card.agents:
        emoji = next((emoji for state, emoji in _STATE_EMOJI.items() if agent.state.startswith(state)), "▫️")
        parts = (f"{emoji} **{escape_line(agent.name, 40)}**", escape_line(agent.state, 80), escape_line(agent.model, 80))
        lines.append(" · ".join(filter(None, parts)))
    if card.scripted:
        lines += ["", "-# These agents are scripted: no model is called, and nothing is charged."]
    embed = discord.Embed(description="\n".join(lines)[:4000], colour=_run_colour(card))
    asked = f"asked by {plain_line(card.requester, 60)} · " if card.requester else ""
    about = f"{asked}team {plain_line(card.team, 100)} · {plain_line(card.cost, 60)} · {card.tokens:,} tokens"
    embed.set_footer(text=run_footer(card.run, about, key))
    return DiscordMessage(content=head, embeds=(embed,), controls=() if card.ended else run_components(card.run))


def _turn_card(card: RunCard, key: str, head: str) -> DiscordMessage:
    agents = " · ".join(f"**{escape_line(agent.name, 40)}** {escape_line(agent.state, 60)}" for agent in card.agents)
    text = escape_line(card.task, 300) if card.ended else f"{escape_line(card.task, 300)}\n{agents}"
    about = f"{plain_line(card.cost, 60)} · {card.tokens:,} tokens"
    embed = discord.Embed(description=text[:4000], colour=_run_colour(card))
    embed.set_footer(text=turn_footer(card.run, card.continues or 0, about, key))
    return DiscordMessage(content=head, embeds=(embed,), controls=() if card.ended else run_components(card.run))


def _run_colour(card: RunCard) -> discord.Colour:
    if card.ended:
        return DONE if card.status.startswith("finished") else OVER
    return SCRIPTED if card.scripted else OPEN


def question_thread_name(card: QuestionCard) -> str:
    """The name of a question's thread."""
    return plain_line(f"Question {card.question}: {card.text}", THREAD_NAME)


def unescape(text: str) -> str:
    """Text of a posted card without the backslashes of `escape_line`."""
    return _ESCAPE.sub("", text)


def render_question_card(card: QuestionCard, key: str, *, typed: bool = True) -> DiscordMessage:
    """A question card, open or closed. Without `typed`, messages in threads cannot be read, and the card
    explains how to answer."""
    if card.closed is not None:
        return _closed_card(card, key, card.closed)
    mentions = mention_text(card.mentions, card.groups)
    embed = _body(card)
    embed.colour = OPEN
    _add(embed, "Asks", f"{escape_line(card.asked, 300)} · ends {expiry_text(card.expires_at)}")
    if card.progress:
        _add(embed, "So far", escape_line(card.progress, 300))
    _add(embed, "If nobody answers", escape_line(card.silence, 600))
    if not typed:
        _add(
            embed, "How to answer", "Use the buttons, or reply to this message and mention me. I cannot read other messages here."
        )
    embed.set_footer(text=_footer(card, key))
    content = f"{mentions.text} {_headline(card, 'asks')}".strip()
    return DiscordMessage(content=content, embeds=(embed,), controls=question_components(card), allowed_mentions=mentions.allowed)


def render_private_question(card: QuestionCard) -> DiscordMessage:
    """An open question as a private reply: it notifies nobody and offers to cancel the question."""
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
    context, *more = split_markdown(escape_markdown(card.context), _CONTEXT - 2)  # as much as fits, with its code closed
    embed = discord.Embed(description=(context + ("\n…" if more else "")) or None)
    if card.options:
        room = _FIELD // len(card.options) - 2
        _add(embed, "Options", "\n".join(_option(position, option, room) for position, option in enumerate(card.options, 1)))
    return embed


def _footer(card: QuestionCard, key: str) -> str:
    return question_footer(card.question, card.run, plain_line(card.task, 120), key)


def _option(position: int, option: CardOption, room: int) -> str:
    star = " *(recommended)*" if option.recommended else ""
    head = f"**{position}.** {escape_line(option.label, max(20, min(160, room // 2)))}{star}"
    left = room - len(head) - 3
    about = escape_line(option.description, left // 2) if option.description.strip() and left > 20 else ""
    return f"{head}: {about}" if about else head


def expiry_text(at: float) -> str:
    """The expiry: a countdown that the reader's client updates, and the time."""
    return f"{countdown(at)} (<t:{int(at)}:t>)"


def countdown(at: float) -> str:
    """A time as Discord counts down to it."""
    return f"<t:{int(at)}:R>"


def _add(embed: discord.Embed, name: str, value: str) -> None:
    embed.add_field(name=name, value=value[:_FIELD] or "–", inline=False)


def render_note(post: Note) -> list[DiscordMessage]:
    """A note in as many messages as it takes, below the speaker's name. The first one mentions the people to notify."""
    mentions = mention_text(post.mentions, post.groups)
    speaker = f"**{escape_line(post.speaker, 60)}**\n" if post.speaker else ""
    room = MAX_CHARACTERS - discord_length(mentions.text) - 1
    text = draw_tables(post.text) if post.speaker else post.text
    texts = split_markdown(f"{speaker}{_TONES[post.tone]}{escape_markdown(text)}", room)
    first = DiscordMessage(content=f"{mentions.text} {texts[0]}".strip(), allowed_mentions=mentions.allowed)
    messages = [first, *(DiscordMessage(content=text) for text in texts[1:])]
    if post.file is not None:
        messages[-1] = replace(messages[-1], text_file=(post.file.name, post.file.text))
    if post.again is not None:
        messages[-1] = replace(messages[-1], controls=again_components(post.again))
    return messages


def render_final_answer(post: FinalAnswer) -> list[DiscordMessage]:
    """A final answer in as many messages as it takes; a very long one as its beginning and a file with the whole text."""
    mentions = mention_text(post.mentions, ())
    head = f"**Final answer of run {post.run}**, by {escape_line(post.by, 60)}\n"
    origin = f"\n-# {escape_line(post.how, 600)}"
    texts = split_markdown(head + escape_markdown(draw_tables(post.text)), MAX_CHARACTERS - discord_length(mentions.text))
    texts[0] = f"{mentions.text} {texts[0]}".strip()
    file = None
    if len(texts) > MAX_ANSWER_MESSAGES:
        texts = [*texts[:SHOWN_BESIDE_FILE], f"-# This is the beginning; the whole answer is in the file.{origin}"]
        file = (f"run-{post.run}-answer.md", post.text)
    elif discord_length(texts[-1] + origin) <= 1995:
        texts[-1] += origin
    else:
        texts.append(origin.strip())
    messages = [DiscordMessage(content=text) for text in texts]
    messages[0] = replace(messages[0], allowed_mentions=mentions.allowed)
    messages[-1] = replace(messages[-1], text_file=file)
    return messages


def render_private_reply(reply: PrivateReply, find_url: FindMessageUrl) -> DiscordMessage:
    """A private reply; its tables become embeds.

    A single open question is shown with its controls; several questions are offered in a select.
    """
    questions = [card for table in reply.tables for card in table.cards if card is not None]
    # One question alone is shown with its own controls, so that it can be answered without another click.
    if len(questions) == 1 and sum(len(table.rows) for table in reply.tables) == 1:
        return render_private_question(questions[0])
    content = split_markdown(f"{_TONES[reply.tone]}{escape_markdown(reply.text)}" if reply.text.strip() else "")[0]
    room, embeds = MAX_EMBED + 1500, []
    for table in reply.tables[:10]:
        embed = _table(table, reply.tone, find_url, min(MAX_EMBED, room))
        embeds.append(embed)
        room -= len(embed)
        if room < 400:
            break
    controls = question_select(questions) if questions else ()
    return DiscordMessage(content=content or ("" if embeds else "Done."), embeds=tuple(embeds), controls=controls)


def _table(table: Table, tone: str, find_url: FindMessageUrl, room: int) -> discord.Embed:
    title = plain_line(table.title, 200) if table.title else None
    embed = discord.Embed(title=title, colour=_COLOURS[tone])
    head = f"-# {' · '.join(escape_line(column, 40) for column in table.columns)}"
    lines = []
    for row in table.rows:
        first, *rest = (_cell(cell, find_url) for cell in row)
        lines.append(" · ".join([f"**{first}**", *filter(None, rest)]))
    embed.description = _fitting_rows(head, lines, room - len(title or "")) if lines else f"{head}\nNothing."
    return embed


def _cell(cell: str | Link, find_url: FindMessageUrl) -> str:
    if isinstance(cell, str):
        return escape_line(cell, 200)
    url = find_url(cell.place, cell.message)
    label = escape_line(cell.text, 200)
    return f"[{label}]({url})" if url and "](" not in label else label


def _fitting_rows(head: str, lines: list[str], room: int) -> str:
    """As many rows as fit, and the number of those left out."""
    text = head
    for done, line in enumerate(lines):
        if len(text) + len(line) + 40 > room:
            return f"{text}\n… and {len(lines) - done} more"
        text += f"\n{line}"
    return text
