"""How notes, final answers and private words look on Discord."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import discord

from adapters.discord.cards import DONE, OPEN, SCRIPTED, render_private_question
from adapters.discord.controls import question_select
from adapters.discord.escape import escape_line, escape_markdown, plain_line
from adapters.discord.shown import MAX_EMBED, DiscordMessage, mention_text
from adapters.discord.split import MAX_CHARACTERS, discord_length, split_markdown
from orchestrator_bridge.chat import FinalAnswer, Link, Note, Place, PrivateReply, Table

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
