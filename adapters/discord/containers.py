"""Cards as containers of Components V2, made of the same texts and controls as their embeds.

A container shows no text in a phone's notification: Discord takes that text from `content`, which a message with components of
this kind must not have (github.com/discord/discord-api-docs/issues/7854). A card is therefore posted as text with an embed, of
which the phone shows the sentence, and then edited into a container. Discord allows that once, and never the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import discord

from adapters.discord.markdown import discord_length, escape_line, split_markdown
from adapters.discord.markers import SMALL_PRINT
from adapters.discord.render import DiscordMessage

MAX_TEXT = 4000
"""Characters of all texts in one message, as `discord_length` counts them
(docs.discord.com/developers/components/reference, Component Reference)."""

_CUT = "\n…"


def card_container(shown: DiscordMessage) -> discord.ui.LayoutView:
    """A card as a container: its sentence, what the embed says, its controls, its last line.

    It is stopped, as `DiscordMessage.view` is.
    """
    sentence, sections, footer = _texts(shown)
    colour = next((embed.colour for embed in shown.embeds), None)
    container: discord.ui.Container[Any] = discord.ui.Container(accent_colour=colour)
    container.add_item(discord.ui.TextDisplay(sentence))
    for number, section in enumerate(sections):
        if number == 0:
            container.add_item(discord.ui.Separator())
        container.add_item(discord.ui.TextDisplay(section))
    for row in _rows(shown.controls):
        container.add_item(discord.ui.ActionRow(*row))
    if footer:
        container.add_item(discord.ui.TextDisplay(footer))
    layout = discord.ui.LayoutView(timeout=None)
    layout.add_item(container)
    layout.stop()
    return layout


def _texts(shown: DiscordMessage) -> tuple[str, list[str], str]:
    """The sentence, the sections and the last line, together not longer than Discord allows: the longest section is cut."""
    sections: list[str] = []
    footer = ""
    for embed in shown.embeds:
        sections += [embed.description] if embed.description else []
        sections += [f"**{field.name}**\n{field.value}" for field in embed.fields]
        footer = _small_print(embed.footer.text or "")
    room = MAX_TEXT - discord_length(shown.content) - discord_length(footer)
    while (excess := sum(map(discord_length, sections)) - room) > 0:
        longest = max(range(len(sections)), key=lambda number: len(sections[number]))
        left = max(0, discord_length(sections[longest]) - excess - len(_CUT))
        cut = split_markdown(sections[longest], left)[0] if left > 100 else ""
        sections[longest] = (cut if discord_length(cut) <= left else sections[longest][: left // 2]) + _CUT
    return shown.content, sections, footer


def _small_print(footer: str) -> str:
    """An embed's footer, in which Markdown means nothing, as a line of Markdown; the reference code stays at its end."""
    about, _, code = footer.rpartition(" ")
    return f"{SMALL_PRINT}{escape_line(about, 400)} {code}" if about else ""


def _rows(controls: Sequence[discord.ui.Item[Any]]) -> Iterator[list[discord.ui.Item[Any]]]:
    """The controls by row, as an embed's message shows them."""
    for number in sorted({control.row or 0 for control in controls}):
        yield [control for control in controls if (control.row or 0) == number]
