"""Messages that proxy apps, such as PluralKit, repost for people under other names.

A proxy app posts a person's message again through a webhook of its own, usually without a tag at its beginning or end, and
deletes the original a second later (PluralKit.Bot/Proxy/ProxyService.cs, github.com/PluralKit/PluralKit). Discord says to which
application a webhook belongs, which nobody can forge, but not for whom it posts. That is the author of the original: a message in
the same channel that contains the words of the copy, and that is deleted. Where two people could be meant, nobody is.
"""

from __future__ import annotations

from dataclasses import dataclass

import discord

from adapters.discord.channels import to_author
from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.lru_map import LruMap

WINDOW = 60.0
"""Seconds between an original and its copy, and between a copy and the deletion of its original, at most."""

UNDECIDED_PAUSE = 3.0
"""Seconds that are waited where several originals fit a copy: then the one is known that was deleted."""

LONGEST_TAG = 100
"""Characters of a proxy tag, before and after the words (PluralKit's limit: pluralkit.me/api/models, "ProxyTag object")."""

REMEMBERED = 1000


def is_reposted(message: discord.Message) -> bool:
    """True if an application posted a message through a webhook of its own. Webhooks that people make have no application."""
    return bool(message.webhook_id and message.application_id)


@dataclass(slots=True)
class _Original:
    """A person's message, heard at a time by our clock."""

    channel: int
    author: Author
    words: str
    files: tuple[str, ...]
    at: float
    deleted: bool = False


@dataclass(slots=True)
class _Copy:
    """A message of an application's webhook, heard at a time by our clock."""

    message: discord.Message
    words: str
    files: tuple[str, ...]
    at: float

    def fits(self, original: _Original) -> bool:
        """True if this can be a copy of an original."""
        if original.channel != self.message.channel.id or not 0 <= self.at - original.at <= WINDOW:
            return False
        tag = len(original.words) - len(self.words)
        return self.words in original.words and tag <= LONGEST_TAG and self.files == original.files


@dataclass(frozen=True, slots=True)
class Repost:
    """A reposted message, and the people who may have written its original: one, unless they cannot be told apart."""

    message: discord.Message
    people: tuple[Author, ...]


class Reposts:
    """Pairs reposted messages with their originals, for one adapter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._originals: LruMap[int, _Original] = LruMap(REMEMBERED)
        self._copies: LruMap[int, _Copy] = LruMap(REMEMBERED)

    def remember(self, message: discord.Message) -> None:
        """Remember a message of a person, in its newest version."""
        if message.guild is not None:
            words, files = _words(message), _files(message)
            self._originals.put(
                message.id, _Original(message.channel.id, to_author(message.author), words, files, self._clock.now())
            )

    async def on_reposted(self, message: discord.Message) -> Repost | None:
        """Add a reposted message; returns it if its original was deleted before."""
        copy = _Copy(message, _words(message), _files(message), self._clock.now())
        self._copies.put(message.id, copy)
        return await self._resolve(copy)

    async def on_deleted(self, message: int) -> Repost | None:
        """Record that a message was deleted; returns its copy, if there is one."""
        self._copies.pop(message)
        original = self._originals.get(message)
        if original is None:
            return None
        original.deleted = True
        fitting = [copy for _, copy in self._copies.items() if copy.fits(original) and self._is_recent(copy)]
        # The longest of them: "yes" is in "a: yes, please" as well as "yes, please".
        copy = max(fitting, key=lambda fit: len(fit.words), default=None)
        return await self._resolve(copy) if copy is not None else None

    async def _resolve(self, copy: _Copy) -> Repost | None:
        if len(_authors(self._fitting(copy))) > 1:
            await sleep_until(self._clock, self._clock.now() + UNDECIDED_PAUSE)
        found = {id_: original for id_, original in self._fitting(copy).items() if original.deleted}
        # Several tasks can come here for one copy: the first takes it.
        if not found or self._copies.pop(copy.message.id) is None:
            return None
        self._originals.pop(min(found))
        return Repost(copy.message, tuple(_authors(found).values()))

    def _fitting(self, copy: _Copy) -> dict[int, _Original]:
        """The messages of which this can be the copy, by id."""
        return {id_: original for id_, original in self._originals.items() if copy.fits(original)}

    def _is_recent(self, copy: _Copy) -> bool:
        return self._clock.now() - copy.at <= WINDOW


def _authors(originals: dict[int, _Original]) -> dict[str, Author]:
    return {original.author.id: original.author for original in originals.values()}


def _words(message: discord.Message) -> str:
    """The words as they are compared: apps change the space around them."""
    return " ".join(message.content.split())


def _files(message: discord.Message) -> tuple[str, ...]:
    return tuple(file.filename for file in message.attachments)
