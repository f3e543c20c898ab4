"""How notes, final answers and private words look on Discord."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import discord

from adapters.discord.cards import DONE, OPEN, SCRIPTED, private_card
from adapters.discord.controls import lookups
from adapters.discord.escape import harmless, plain, unformatted
from adapters.discord.shown import EMBED, Shown, notice
from adapters.discord.split import CHARACTERS, parts, size
from orchestrator_bridge.chat import FinalAnswer, Link, Note, Place, PrivateReply, Table

IN_MESSAGES = 5
"""Messages that a final answer may take; a longer one comes as its beginning and a file with all of it."""

Locate = Callable[[Place, str], str | None]
"""Where a message can be found, as an address; None where that is not known."""

_TONES = {"plain": "", "good": "✅ ", "warning": "⚠️ "}
_COLOURS = {"plain": OPEN, "good": DONE, "warning": SCRIPTED}


def note(post: Note) -> list[Shown]:
    """A message in a thread, under its speaker's name if it is an agent's; the first one calls those it is for."""
    called = notice(post.mentions, post.groups)
    speaker = f"**{plain(post.speaker, 60)}**\n" if post.speaker else ""
    texts = parts(f"{speaker}{_TONES[post.tone]}{harmless(post.text)}", CHARACTERS - size(called.text) - 1)
    first = Shown(content=f"{called.text} {texts[0]}".strip(), notify=called.allowed)
    made = [first, *(Shown(content=text) for text in texts[1:])]
    if post.file is not None:
        made[-1] = replace(made[-1], text_file=(post.file.name, post.file.text))
    return made


def final_answer(post: FinalAnswer) -> list[Shown]:
    """A run's final text in parts; where it is very long, its beginning, and all of it as a file."""
    head = f"**Final answer of run {post.run}**, by {plain(post.by, 60)}\n"
    how = f"\n-# {plain(post.how, 600)}"
    texts = parts(head + harmless(post.text))
    if len(texts) <= IN_MESSAGES:
        last = texts[-1] + how
        whole = [*texts[:-1], last] if size(last) <= 1995 else [*texts, how.strip()]
        return [Shown(content=text) for text in whole]
    more = f"\n-# This is the beginning; the whole answer is in the file.{how}"
    file = (f"run-{post.run}-answer.md", post.text)
    return [Shown(content=texts[0]), Shown(content=more.strip(), text_file=file)]


# Private words ------------------------------------------------------------------------------------------------------------


def word(said: PrivateReply, locate: Locate) -> Shown:
    """An answer to whoever gave a command or clicked; its tables as cards. An open question that stands alone is shown to be
    answered on the spot; one of several can be picked."""
    open_ = [card for table in said.tables for card in table.cards if card is not None]
    if len(open_) == 1 and sum(len(table.rows) for table in said.tables) == 1:
        return private_card(open_[0])
    content = parts(f"{_TONES[said.tone]}{harmless(said.text)}" if said.text.strip() else "")[0]
    room, embeds = EMBED + 1500, []
    for table in said.tables[:10]:
        embed = _table(table, said.tone, locate, min(EMBED, room))
        embeds.append(embed)
        room -= len(embed)
        if room < 400:
            break
    controls = lookups(open_) if open_ else ()
    return Shown(content=content or ("" if embeds else "Done."), embeds=tuple(embeds), controls=controls)


def _table(table: Table, tone: str, locate: Locate, room: int) -> discord.Embed:
    title = unformatted(table.title, 200) if table.title else None
    embed = discord.Embed(title=title, colour=_COLOURS[tone])
    head = f"-# {' · '.join(plain(column, 40) for column in table.columns)}"
    lines = [_row(row, locate) for row in table.rows]
    embed.description = _fitting(head, lines, room - len(title or "")) if lines else f"{head}\nNothing."
    return embed


def _row(row: tuple[str | Link, ...], locate: Locate) -> str:
    first, *rest = (_cell(cell, locate) for cell in row)
    return " · ".join([f"**{first}**", *(cell for cell in rest if cell)])


def _cell(cell: str | Link, locate: Locate) -> str:
    if isinstance(cell, str):
        return plain(cell, 200)
    url = locate(cell.place, cell.message)
    label = plain(cell.text, 200)
    return f"[{label}]({url})" if url and "](" not in label else label


def _fitting(head: str, lines: list[str], room: int) -> str:
    """As many rows as fit, and how many are left out."""
    text = head
    for done, line in enumerate(lines):
        if len(text) + len(line) + 40 > room:
            return f"{text}\n… and {len(lines) - done} more"
        text += f"\n{line}"
    return text
