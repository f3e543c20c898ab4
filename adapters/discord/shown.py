"""One message as Discord takes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord

from orchestrator_bridge.chat import Author, Group

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
