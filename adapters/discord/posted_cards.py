"""Posted cards, read back: Discord shows them as an embed with text above it, or as a container of components.

A card begins as an embed, and its first edit turns it into a container (see `containers`). Cards of earlier releases are embeds
until then. What a card says is therefore read here in both forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import discord

from adapters.discord.markdown import plain_line
from adapters.discord.markers import SMALL_PRINT, parse_card, parse_reference_code
from adapters.discord.render import THREAD_NAME, unescape


def card_footer(message: discord.Message) -> str | None:
    """The last line of a card, with its reference code; None for other messages."""
    texts = [embed.footer.text for embed in message.embeds]
    texts += [text.removeprefix(SMALL_PRINT) for text in component_texts(message.components) if text.startswith(SMALL_PRINT)]
    return next((text for text in reversed(texts) if parse_reference_code(text) is not None), None)


def card_sentence(message: discord.Message) -> str:
    """The first text of a card, which a notification shows: who asks what, or the state of a run."""
    return message.content or next(component_texts(message.components), "")


def card_controls(message: discord.Message) -> Iterator[Any]:
    """The buttons and selects of a message."""
    for component in _walk(message.components):
        if getattr(component, "custom_id", None) is not None:
            yield component


def component_texts(components: Iterable[discord.Component]) -> Iterator[str]:
    """The texts of a message's components, in order."""
    return (component.content for component in _walk(components) if isinstance(component, discord.TextDisplay))


def thread_name_of(card: discord.Message) -> str:
    """The name of a card's thread, read from the posted card; empty if the message is no card of ours."""
    kind = parse_card(card_footer(card))
    if kind is None:
        return ""
    described = [embed.description or "" for embed in card.embeds] or list(component_texts(card.components))[1:]
    text = described[0] if kind.startswith("Run") else card_sentence(card).partition(": ")[2]
    title = unescape(text.partition("\n")[0])
    return plain_line(f"{kind}: {title}", THREAD_NAME)


def _walk(components: Iterable[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", ()))
