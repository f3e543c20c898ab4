"""How the cards of runs and questions look on Discord: words that a phone's notification shows, and a card below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import discord

from adapters.discord.components import close_components, question_components, question_select
from adapters.discord.markdown import MAX_CHARACTERS, discord_length, escape_line, escape_markdown, plain_line, split_markdown
from adapters.discord.markers import question_footer, run_footer
from orchestrator_bridge.chat.inbound import Author, Group, Place
from orchestrator_bridge.chat.outbound import (
    CardAgent,
    CardOption,
    FinalAnswer,
    Link,
    Note,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)

NO_MENTIONS = discord.AllowedMentions.none()
"""What every message is allowed to mention unless it says otherwise."""

MAX_EMBED = 4000
"""Characters of an embed's description that we use; Discord takes 4,096, and 6,000 in all embeds of a message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordMessage:
    """Words, a card, controls. `allowed_mentions` are those whose mention in `content` reaches them; `text_file` is a name and
    its text."""

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    controls: tuple[discord.ui.Item[Any], ...] = ()
    allowed_mentions: discord.AllowedMentions = NO_MENTIONS
    text_file: tuple[str, str] | None = None

    @property
    def fingerprint(self) -> str:
        """The same for messages that look the same."""
        controls = [control.to_component_dict() for control in self.controls]
        return repr((self.content, [embed.to_dict() for embed in self.embeds], controls))

    def view(self) -> discord.ui.View:
        """The controls as discord.py sends them. It is stopped: clicks are heard by their ids, and none is kept in memory."""
        view = discord.ui.View(timeout=None)
        for control in self.controls:
            view.add_item(control)
        view.stop()
        return view


@dataclass(frozen=True, kw_only=True, slots=True)
class MentionText:
    """Whom a message calls, as the text that does it, and the permission for just that."""

    text: str = ""
    allowed: discord.AllowedMentions = field(default_factory=discord.AllowedMentions.none)


def mention_text(people: Sequence[Author], groups: Sequence[Group]) -> MentionText:
    """Call these people and groups, and nobody else. What is no id of Discord's calls nobody."""
    users = [author.id for author in people if author.id.isdecimal()]
    roles = [group.id for group in groups if group.id.isdecimal()]
    words = [*(f"<@{user}>" for user in users), *(f"<@&{role}>" for role in roles)]
    allowed = discord.AllowedMentions(everyone=False, users=_snowflakes(users), roles=_snowflakes(roles), replied_user=False)
    return MentionText(text=" ".join(words[:MAX_MENTIONS]), allowed=allowed)


MAX_MENTIONS = 50
"""People who are called by one message at most: more do not fit beside the words."""


def _snowflakes(ids: Iterable[str]) -> list[discord.Object]:
    return [discord.Object(int(one)) for one in list(ids)[:MAX_MENTIONS]]


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


MAX_ANSWER_MESSAGES = 5
"""Messages that a final answer may take; a longer one comes as its beginning and a file with all of it."""

FindMessageUrl = Callable[[Place, str], str | None]
"""Where a message can be found, as an address; None where that is not known."""

_TONES = {"plain": "", "good": "✅ ", "warning": "⚠️ "}
_COLOURS = {"plain": OPEN, "good": DONE, "warning": SCRIPTED}


def render_note(post: Note) -> list[DiscordMessage]:
    """A message in a thread, under its speaker's name if it is an agent's; the first one calls those it is for."""
    called = mention_text(post.mentions, post.groups)
    speaker = f"**{escape_line(post.speaker, 60)}**\n" if post.speaker else ""
    texts = split_markdown(
        f"{speaker}{_TONES[post.tone]}{escape_markdown(post.text)}", MAX_CHARACTERS - discord_length(called.text) - 1
    )
    first = DiscordMessage(content=f"{called.text} {texts[0]}".strip(), allowed_mentions=called.allowed)
    made = [first, *(DiscordMessage(content=text) for text in texts[1:])]
    if post.file is not None:
        made[-1] = replace(made[-1], text_file=(post.file.name, post.file.text))
    return made


def render_final_answer(post: FinalAnswer) -> list[DiscordMessage]:
    """A run's final text in parts; where it is very long, its beginning, and all of it as a file."""
    head = f"**Final answer of run {post.run}**, by {escape_line(post.by, 60)}\n"
    how = f"\n-# {escape_line(post.how, 600)}"
    texts = split_markdown(head + escape_markdown(post.text))
    if len(texts) <= MAX_ANSWER_MESSAGES:
        last = texts[-1] + how
        whole = [*texts[:-1], last] if discord_length(last) <= 1995 else [*texts, how.strip()]
        return [DiscordMessage(content=text) for text in whole]
    more = f"\n-# This is the beginning; the whole answer is in the file.{how}"
    file = (f"run-{post.run}-answer.md", post.text)
    return [DiscordMessage(content=texts[0]), DiscordMessage(content=more.strip(), text_file=file)]


# Private words ------------------------------------------------------------------------------------------------------------


def render_private_reply(said: PrivateReply, locate: FindMessageUrl) -> DiscordMessage:
    """An answer to whoever gave a command or clicked; its tables as cards. An open question that stands alone is shown to be
    answered on the spot; one of several can be picked."""
    open_ = [card for table in said.tables for card in table.cards if card is not None]
    if len(open_) == 1 and sum(len(table.rows) for table in said.tables) == 1:
        return render_private_question(open_[0])
    content = split_markdown(f"{_TONES[said.tone]}{escape_markdown(said.text)}" if said.text.strip() else "")[0]
    room, embeds = MAX_EMBED + 1500, []
    for table in said.tables[:10]:
        embed = _table(table, said.tone, locate, min(MAX_EMBED, room))
        embeds.append(embed)
        room -= len(embed)
        if room < 400:
            break
    controls = question_select(open_) if open_ else ()
    return DiscordMessage(content=content or ("" if embeds else "Done."), embeds=tuple(embeds), controls=controls)


def _table(table: Table, tone: str, locate: FindMessageUrl, room: int) -> discord.Embed:
    title = plain_line(table.title, 200) if table.title else None
    embed = discord.Embed(title=title, colour=_COLOURS[tone])
    head = f"-# {' · '.join(escape_line(column, 40) for column in table.columns)}"
    lines = [_row(row, locate) for row in table.rows]
    embed.description = _fitting_rows(head, lines, room - len(title or "")) if lines else f"{head}\nNothing."
    return embed


def _row(row: tuple[str | Link, ...], locate: FindMessageUrl) -> str:
    first, *rest = (_cell(cell, locate) for cell in row)
    return " · ".join([f"**{first}**", *(cell for cell in rest if cell)])


def _cell(cell: str | Link, locate: FindMessageUrl) -> str:
    if isinstance(cell, str):
        return escape_line(cell, 200)
    url = locate(cell.place, cell.message)
    label = escape_line(cell.text, 200)
    return f"[{label}]({url})" if url and "](" not in label else label


def _fitting_rows(head: str, lines: list[str], room: int) -> str:
    """As many rows as fit, and how many are left out."""
    text = head
    for done, line in enumerate(lines):
        if len(text) + len(line) + 40 > room:
            return f"{text}\n… and {len(lines) - done} more"
        text += f"\n{line}"
    return text
